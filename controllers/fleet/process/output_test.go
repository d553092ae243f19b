// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"strings"
	"testing"
)

func TestOutputIsWholeLinesWithNames(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		reason string
		writes []string
		want   string
	}{
		{"one line", []string{"a\n"}, "[p] a\n"},
		{"several at once", []string{"a\n\nb\n"}, "[p] a\n[p] \n[p] b\n"},
		{"a line in pieces", []string{"a", "b", "\n"}, "[p] ab\n"},
		{"an end without a line's end", []string{"a\nb"}, "[p] a\n[p] b\n"},
		{"a line without an end is cut", []string{long[1:], "x", "y\n"}, "[p] " + long + "\n[p] y\n"},
		{"nothing", nil, ""},
	} {
		var got strings.Builder
		out := (&output{to: &got}).prefixed("p")
		for _, text := range c.writes {
			if n, err := out.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%s: wrote %d, %v", c.reason, n, err)
			}
		}
		out.flush()
		if got.String() != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got.String(), c.want)
		}
	}
}
