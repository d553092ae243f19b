// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/namer"
)

// TestEqualSnapshotsGiveEqualBytes shuffles the routes of a snapshot, which are
// in no order, and translates it again and again.
func TestEqualSnapshotsGiveEqualBytes(t *testing.T) {
	s := crowd(60)
	want := Fleet(s)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		shuffled := s
		shuffled.Routes = slices.Clone(s.Routes)
		rng.Shuffle(len(shuffled.Routes), func(i, j int) {
			shuffled.Routes[i], shuffled.Routes[j] = shuffled.Routes[j], shuffled.Routes[i]
		})
		shuffled.Dtabs = maps.Clone(s.Dtabs)
		got := Fleet(shuffled)
		if !slices.Equal(wire(t, want), wire(t, got)) {
			t.Fatal("the configs of equal snapshots have different bytes")
		}
		if diff := cmp.Diff(string(verdictsText(t, want)), string(verdictsText(t, got))); diff != "" {
			t.Fatalf("verdicts differ (-first +later):\n%s", diff)
		}
		if diff := cmp.Diff(want.Bound, got.Bound); diff != "" {
			t.Fatalf("bound forms differ (-first +later):\n%s", diff)
		}
	}
}

func TestTranslationLeavesTheSnapshotAlone(t *testing.T) {
	s := crowd(50)
	s.Previous = Fleet(s).Bound
	s.Dtabs[types.NamespacedName{Namespace: "prod", Name: "default"}].Spec.Dentries[0].Dst = "!!"
	before := make([]*v1alpha1.TCPRoute, len(s.Routes))
	for i, r := range s.Routes {
		before[i] = r.DeepCopy()
	}
	previous := maps.Clone(s.Previous)
	Fleet(s)
	if diff := cmp.Diff(before, s.Routes); diff != "" {
		t.Errorf("routes changed:\n%s", diff)
	}
	if diff := cmp.Diff(previous, s.Previous); diff != "" {
		t.Errorf("previous forms changed:\n%s", diff)
	}
}

func TestHashFollowsTheContentOfARouteOnly(t *testing.T) {
	s := crowd(3)
	before := hashes(Fleet(s))
	// Endpoints are in pools: they do not change a route.
	id := "/#/io.l5d.fs/redis1"
	s.Names.(names)[id] = state(id, namer.Addr{State: namer.AddrBound})
	if diff := cmp.Diff(before, hashes(Fleet(s))); diff != "" {
		t.Errorf("an endpoint that went changed hashes:\n%s", diff)
	}
	s.Routes[1].Spec.Timeouts = &v1alpha1.Timeouts{Idle: &metav1.Duration{}}
	after := hashes(Fleet(s))
	for name, h := range after {
		if changed := h != before[name]; changed != (name == "prod/route-1") {
			t.Errorf("%s: hash changed: %v", name, changed)
		}
	}
}

func TestRoutesAreSortedByNameInTheConfig(t *testing.T) {
	s := crowd(2)
	s.Fleet.Spec.AllowedRoutes = &v1alpha1.AllowedRoutes{From: v1alpha1.FromAll}
	for i, namespace := range []string{"a", "a-b"} {
		s.Routes[i].Namespace = namespace
		s.Routes[i].Spec.Dst = "/#/io.l5d.fs/redis1"
	}
	var got []string
	for _, r := range Fleet(s).Config.Routes {
		got = append(got, r.Name)
	}
	if diff := cmp.Diff([]string{"a-b/route-1", "a/route-0"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPercentagesAddUp(t *testing.T) {
	tests := []struct {
		reason string
		in     []float64 // weights
		want   string
	}{
		{"one arm", []float64{5}, "100%"},
		{"whole", []float64{9, 1}, "90% 10%"},
		{"thirds", []float64{1, 1, 1}, "33.4% 33.3% 33.3%"},
		{"sevenths", []float64{1, 1, 1, 1, 1, 1, 1}, "14.3% 14.3% 14.3% 14.3% 14.3% 14.3% 14.2%"},
		{"exact with one decimal", []float64{1, 7}, "12.5% 87.5%"},
		{"exact with two decimals", []float64{1, 15}, "6.25% 93.75%"},
		{"one in a thousand", []float64{999, 1}, "99.9% 0.1%"},
		{"one in three thousand", []float64{2999, 1}, "99.97% 0.03%"},
		{"next to nothing", []float64{999999, 1}, ">99.99% <0.01%"},
		{"no weight", []float64{3, 0}, "100% 0%"},
		{"none has weight", []float64{0, 0}, "0% 0%"},
		{"decimals of weights", []float64{0.1, 0.2, 0.7}, "10% 20% 70%"},
	}
	for _, test := range tests {
		total := 0.0
		for _, w := range test.in {
			total += w
		}
		var list []arm
		for _, w := range test.in {
			list = append(list, arm{share: share{fraction: part(w, total)}})
		}
		if got := strings.Join(percentages(list), " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.reason, got, test.want)
		}
	}
}

// TestPercentagesAreCloseForRandomWeights holds what is printed against what is
// so: never off by a unit or more, never nothing for something, and 100 in all.
func TestPercentagesAreCloseForRandomWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		list := make([]arm, 1+rng.IntN(64))
		total := 0.0
		for i := range list {
			list[i].fraction = math.Floor(math.Pow(10, rng.Float64()*6)) - 1
			total += list[i].fraction
		}
		sum := 0.0
		for i := range list {
			list[i].fraction = part(list[i].fraction, total)
		}
		for i, text := range percentages(list) {
			exact := 100 * list[i].fraction
			if strings.HasPrefix(text, "<") || strings.HasPrefix(text, ">") {
				sum += math.Round(exact)
				continue
			}
			var got float64
			if _, err := fmt.Sscanf(text, "%g%%", &got); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			sum += got
			if math.Abs(got-exact) > 0.1 || (got == 0) != (exact == 0) {
				t.Fatalf("%g%% printed as %s", exact, text)
			}
		}
		if total > 0 && math.Abs(sum-100) > 0.011 {
			t.Fatalf("%v add up to %g", percentages(list), sum)
		}
	}
}

func TestLongTextsAreCutBetweenCharacters(t *testing.T) {
	tests := []struct{ in, want string }{
		{"short", "short"},
		{"exactly ten", "exactly…"},
		{"äöüäöü", "äöü…"},
	}
	for _, test := range tests {
		if got := Clip(test.in, 10); got != test.want || len(got) > 10 {
			t.Errorf("Clip(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

// BenchmarkFleet translates a fleet of 1000 routes through one table of 1000 rules.
func BenchmarkFleet(b *testing.B) {
	s := crowd(1000)
	s.Previous = Fleet(s).Bound
	b.ReportAllocs()
	for b.Loop() {
		Fleet(s)
	}
}

// crowd is a fleet with n routes on n ports: each third with backends, the others
// through a table with a rule for each.
func crowd(n int) Snapshot {
	s := Snapshot{
		Fleet: &v1alpha1.ProxyFleet{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "edge"}},
		Dtabs: map[types.NamespacedName]*v1alpha1.Dtab{},
	}
	states := names{}
	for i := range 20 {
		id := fmt.Sprintf("/#/io.l5d.fs/redis%d", i)
		states[id] = state(id, namer.Addr{State: namer.AddrBound, Endpoints: []namer.Endpoint{
			{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 6379), Weight: 1},
		}})
	}
	s.Names = states
	table := &v1alpha1.Dtab{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "default"}}
	table.Spec.Dentries = []v1alpha1.Dentry{{Prefix: "/cluster", Dst: "/#/io.l5d.fs"}}
	for i := range n {
		name := fmt.Sprintf("route-%d", i)
		table.Spec.Dentries = append(table.Spec.Dentries, v1alpha1.Dentry{
			Prefix: "/svc/" + name,
			Dst:    fmt.Sprintf("9 * /cluster/redis%d & 1 * /cluster/redis%d | /cluster/redis%d", i%20, (i+1)%20, (i+2)%20),
		})
		r := &v1alpha1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: name}}
		r.Spec = v1alpha1.TCPRouteSpec{FleetRef: v1alpha1.FleetReference{Name: "edge"}, Port: int32(1024 + i), Dst: "/svc/" + name}
		if i%3 == 2 {
			r.Spec.Dst = ""
			r.Spec.Backends = []v1alpha1.Backend{{Name: "a", Dst: "/cluster/redis1"}, {Name: "b", Dst: "/svc/route-0"}}
		}
		s.Routes = append(s.Routes, r)
	}
	s.Dtabs[types.NamespacedName{Namespace: "prod", Name: "default"}] = table
	return s
}

func wire(t *testing.T, r Result) []byte {
	t.Helper()
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func hashes(r Result) map[string]string {
	m := map[string]string{}
	for _, route := range r.Config.Routes {
		m[route.Name] = route.Hash
	}
	return m
}
