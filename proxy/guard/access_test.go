// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestAccess(t *testing.T) {
	for _, test := range []struct {
		reason      string
		allow, deny []string
		may, mayNot []string
	}{
		{"empty lists", nil, nil, []string{"10.0.0.1", "::1"}, nil},
		{"allow is all there is", []string{"10.0.0.0/8", "2001:db8::/32"}, nil, []string{"10.255.0.1", "2001:db8:1::1"}, []string{"11.0.0.0", "9.255.255.255", "::1", "2001:db9::"}},
		{"deny takes from all", nil, []string{"192.0.2.0/24"}, []string{"192.0.3.0", "::1"}, []string{"192.0.2.0", "192.0.2.255"}},
		{"deny goes before allow", []string{"10.1.0.0/16"}, []string{"10.0.0.0/8"}, nil, []string{"10.1.2.3"}},
		{"deny inside allow", []string{"10.0.0.0/8"}, []string{"10.1.0.0/16", "10.2.3.4/32"}, []string{"10.0.0.1", "10.2.3.5"}, []string{"10.1.255.255", "10.2.3.4"}},
		{"networks within networks", []string{"10.0.0.0/8", "10.0.0.0/30", "10.200.0.0/16", "12.0.0.0/8"}, nil, []string{"10.0.0.9", "10.201.0.1", "12.0.0.1"}, []string{"11.0.0.0"}},
		{"bits behind the length", []string{"10.1.2.3/8"}, nil, []string{"10.255.0.1"}, []string{"11.1.2.3"}},
		{"IPv4 written as IPv6", []string{"::ffff:10.0.0.0/104"}, nil, []string{"10.1.2.3", "::ffff:10.1.2.3"}, []string{"11.0.0.1", "::a01:203"}},
		{"all of IPv4", []string{"0.0.0.0/0"}, nil, []string{"1.2.3.4", "::ffff:1.2.3.4"}, []string{"::1"}},
		{"all of IPv6", []string{"::/0"}, nil, []string{"::1"}, []string{"1.2.3.4"}},
		{"a zone does not matter", []string{"fe80::/10"}, nil, []string{"fe80::1%eth0"}, nil},
	} {
		t.Run(test.reason, func(t *testing.T) {
			a, err := NewAccess(test.allow, test.deny, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, client := range test.may {
				if !a.permits(address(client)) {
					t.Errorf("%s may not come", client)
				}
			}
			for _, client := range test.mayNot {
				if a.permits(address(client)) {
					t.Errorf("%s may come", client)
				}
			}
		})
	}
}

func TestWhatIsNoCIDR(t *testing.T) {
	for _, text := range []string{"", "10.0.0.1", "10.0.0.0/33", "::/129", "fe80::%eth0/64", "::ffff:0:0/64", "a/8", "10.0.0/8", "10.0.0.0/08"} {
		if _, err := NewAccess([]string{text}, nil, false); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	_, err := NewAccess(nil, []string{"10.0.0.0/8", "x"}, false)
	if want := `deny: entry 2: "x" is not a CIDR, such as 10.0.0.0/8 or 2001:db8::/32`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestNetworksAreWhatTheirPrefixesAre holds the look-up against trying each.
func TestNetworksAreWhatTheirPrefixesAre(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() netip.Addr { // few bits differ, so that networks overlap
		if random.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(random.IntN(4)), 0, byte(random.IntN(8) << 5)})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, byte(random.IntN(4)), 3: byte(random.IntN(4)), 15: byte(random.IntN(256))})
	}
	for range 200 {
		var cidrs []string
		var all []netip.Prefix
		for range random.IntN(50) {
			addr := draw()
			p := netip.PrefixFrom(addr, random.IntN(addr.BitLen()+1))
			cidrs, all = append(cidrs, p.String()), append(all, p.Masked())
		}
		n, err := readNetworks(cidrs)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			client, want := draw(), false
			for _, p := range all {
				want = want || p.Contains(client)
			}
			if got := n.contain(client); got != want {
				t.Fatalf("%s in %v: %t, want %t", client, cidrs, got, want)
			}
		}
	}
}

func FuzzParseCIDR(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8", "::ffff:10.0.0.0/104", "2001:db8::1/32", "::/0", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseCIDR(text)
		if err != nil {
			return
		}
		if p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
			t.Errorf("%q is read as %s", text, p)
		}
		if again, err := ParseCIDR(p.String()); err != nil || again != p {
			t.Errorf("%q is read as %s, and that as %s, %v", text, p, again, err)
		}
	})
}
