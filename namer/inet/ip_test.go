// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"net/netip"
	"testing"
)

func TestParseIP(t *testing.T) {
	cases := []struct{ text, want string }{
		{"127.0.0.1", "127.0.0.1"},
		{"127.1", "127.0.0.1"},
		{"127.0.1", "127.0.0.1"},
		{"10.1.258", "10.1.1.2"},
		{"10.65535", "10.0.255.255"},
		{"10.16777215", "10.255.255.255"},
		{"2130706433", "127.0.0.1"},
		{"8080", "0.0.31.144"},
		{"0", "0.0.0.0"},
		{"4294967295", "255.255.255.255"},
		{"::1", "::1"},
		{"fd00::10", "fd00::10"},
		{"::ffff:10.0.0.1", "10.0.0.1"},
		{"", ""},
		{".", ""},
		{"127.", ""},
		{".1", ""},
		{"127..1", ""},
		{"1.2.3.4.5", ""},
		{"1.2.3.4.", ""},
		{"256.1", ""},
		{"10.1.65536", ""},
		{"10.16777216", ""},
		{"4294967296", ""},
		{"99999999999999999999", ""},
		{"010.0.0.1", ""},
		{"10.0.0.01", ""},
		{"0x7f.1", ""},
		{"+1.2.3.4", ""},
		{"-1", ""},
		{"1e3", ""},
		{" 1", ""},
		{"127.1 ", ""},
		{"redis1", ""},
		{"fe80::1%eth0", ""},
		{"[::1]", ""},
		{":", ""},
	}
	for _, c := range cases {
		got, ok := ParseIP(c.text)
		if ok != (c.want != "") || ok && got != netip.MustParseAddr(c.want) {
			t.Errorf("%q: got %v %v, want %q", c.text, got, ok, c.want)
		}
	}
}

func FuzzParseIP(f *testing.F) {
	for _, seed := range []string{"127.1", "10.0.0.1", "8080", "1.2.3", "::1", "0x7f.1", "010.1", "a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseIP(text)
		long, err := netip.ParseAddr(text)
		switch {
		case ok && (!got.IsValid() || got.Zone() != "" || got.Is4In6()):
			t.Errorf("%q gives %v", text, got)
		case err == nil && long.Zone() == "" && (!ok || got != long.Unmap()):
			t.Errorf("%q gives %v %v, want %v", text, got, ok, long)
		}
	})
}
