// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	one := []entry{{"10.0.0.1", 80, 1}}
	cases := []struct {
		reason, text string
		want         []entry
		err          string
	}{
		{"empty", "", nil, ""},
		{"blank and comments", "\n  \n# all of it\n\t# x\n", nil, ""},
		{"no line end", "10.0.0.1 80", one, ""},
		{"blanks around", "  10.0.0.1\t \t80  \n", one, ""},
		{"CR LF", "10.0.0.1 80\r\n\r\n", one, ""},
		{"CR after a comment", "10.0.0.1 80 # x\r\n", one, ""},
		{"comment after", "10.0.0.1 80 # first\n", one, ""},
		{"comment at once", "10.0.0.1 80#first\n", one, ""},
		{"several", "a 1\n\nb 2\n", []entry{{"a", 1, 1}, {"b", 2, 1}}, ""},
		{"weight", "a 1 * 2.5\n", []entry{{"a", 1, 2.5}}, ""},
		{"weight with exponent", "a 1 * 1e2\n", []entry{{"a", 1, 100}}, ""},
		{"weight zero", "a 1 * 0\n", []entry{{"a", 1, 0}}, ""},
		{"port bounds", "a 1\na 65535\n", []entry{{"a", 1, 1}, {"a", 65535, 1}}, ""},
		{"no port", "a 1\n a\n", nil, "malformed address: a"},
		{"colon", "a:80\n", nil, "malformed address: a:80"},
		{"port is a word", "a http # x\n", nil, "malformed address: a http"},
		{"port zero", "a 0\n", nil, "malformed address: a 0"},
		{"port too great", "a 65536\n", nil, "malformed address: a 65536"},
		{"port negative", "a -1\n", nil, "malformed address: a -1"},
		{"port with a sign", "a +1\n", nil, "malformed address: a +1"},
		{"three words", "a 1 2\n", nil, "malformed address: a 1 2"},
		{"star not alone", "a 1 *2\n", nil, "malformed address: a 1 *2"},
		{"no weight", "a 1 *\n", nil, "malformed address: a 1 *"},
		{"other than star", "a 1 x 2\n", nil, "malformed address: a 1 x 2"},
		{"too much", "a 1 * 2 3\n", nil, "malformed address: a 1 * 2 3"},
		{"weight is a word", "a 1 * b\n", nil, "malformed address: a 1 * b"},
		{"weight negative", "a 1 * -1\n", nil, "malformed address: a 1 * -1"},
		{"weight NaN", "a 1 * NaN\n", nil, "malformed address: a 1 * NaN"},
		{"weight infinite", "a 1 * Infinity\n", nil, "malformed address: a 1 * Infinity"},
		{"weight too great", "a 1 * 1e300\n", nil, "malformed address: a 1 * 1e300"},
		{"weight hexadecimal", "a 1 * 0x2\n", nil, "malformed address: a 1 * 0x2"},
		{"the first bad line counts", "a 1\nb\nc\n", nil, "malformed address: b"},
	}
	for _, c := range cases {
		got, err := parse(c.text)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(entry{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: error %v, want %q", c.reason, err, c.err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a 1\n", "127.1 6379 * 0.5 # x\r\n", "a 1 * 1e9", "a 1 * .", "\x00 1", "a\u00a01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parse(text)
		if err != nil && (len(entries) > 0 || !strings.HasPrefix(err.Error(), "malformed address: ") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%d entries with error %q", len(entries), err)
		}
		if len(entries) > strings.Count(text, "\n")+1 {
			t.Errorf("%d entries from %q", len(entries), text)
		}
		for _, e := range entries {
			if e.host == "" || e.port == 0 || !(e.weight >= 0 && e.weight <= maxWeight) {
				t.Errorf("%+v from %q", e, text)
			}
		}
	})
}
