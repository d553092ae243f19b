// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package affinity_test

import (
	"math"
	"math/bits"
	"net/netip"
	"testing"

	"github.com/wye-dev/wye/proxy/affinity"
)

// TestKeysAreForEver: what a version of the proxy answers, all later ones must.
func TestKeysAreForEver(t *testing.T) {
	for text, want := range map[string]uint64{
		"192.0.2.1":       0xbb5d254ea3029662,
		"::":              0x5e41ab087439611e,
		"2001:db8::1":     0x53f46b36eda4b534,
		"255.255.255.255": 0xb0caed0a7bf9c2c8,
	} {
		if got := affinity.Client(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s has the key %#x, want %#x", text, got, want)
		}
	}
	if got := affinity.Name("/#/io.l5d.fs/redis1"); got != 0xb6c72a2f1648a544 {
		t.Errorf("the name has the key %#x", got)
	}
	if got := affinity.Pair(1, 2); got != 0xe06dd043328bd285 {
		t.Errorf("the pair has the hash %#x", got)
	}
}

func TestWhoIsOneClient(t *testing.T) {
	for _, test := range []struct {
		reason, one, other string
		same               bool
	}{
		{"IPv4 counts whole", "192.0.2.1", "192.0.2.2", false},
		{"IPv4 is IPv4 however it is written", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"IPv6 counts whole", "2001:db8:1:2::1", "2001:db8:1:2::2", false},
		{"all of it", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"a zone does not count", "fe80::1%eth0", "fe80::1%eth1", true},
	} {
		one, other := netip.MustParseAddr(test.one), netip.MustParseAddr(test.other)
		if same := affinity.Client(one) == affinity.Client(other); same != test.same {
			t.Errorf("%s: %s and %s: %v", test.reason, one, other, same)
		}
	}
}

// TestHashesOfNeighboursAreUnrelated: one address further, or another place, and
// each bit is another in half of the cases.
func TestHashesOfNeighboursAreUnrelated(t *testing.T) {
	a, b := affinity.Name("a"), affinity.Name("b")
	const n = 4096
	var clients, places [64]int
	addr := netip.MustParseAddr("10.0.0.0")
	for range n {
		next := addr.Next()
		x := affinity.Pair(affinity.Client(addr), a)
		count(&clients, x^affinity.Pair(affinity.Client(next), a))
		count(&places, x^affinity.Pair(affinity.Client(addr), b))
		addr = next
	}
	for bit := range 64 {
		for what, flips := range map[string]int{"clients": clients[bit], "places": places[bit]} {
			if math.Abs(float64(flips)-n/2) > 5*math.Sqrt(n)/2 {
				t.Errorf("bit %d differs in %d of %d cases between neighbouring %s", bit, flips, n, what)
			}
		}
	}
}

func count(flips *[64]int, x uint64) {
	for ; x != 0; x &= x - 1 {
		flips[bits.TrailingZeros64(x)]++
	}
}

func TestNothingIsAllocated(t *testing.T) {
	addr := netip.MustParseAddr("2001:db8::1")
	sum := uint64(0)
	if n := testing.AllocsPerRun(100, func() { sum += affinity.Pair(affinity.Client(addr), affinity.Name("a")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
