// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
)

// board is a namer that says what a test posts.
type board struct {
	mu      sync.Mutex
	first   map[string]State         // key -> what Watch answers at once
	watches map[string][]func(State) // key -> watches
	stopped int
}

func (b *board) Watch(path dtab.Path, update func(State)) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watches == nil {
		b.watches = map[string][]func(State){}
	}
	k := key(path)
	b.watches[k] = append(b.watches[k], update)
	if s, ok := b.first[k]; ok {
		update(s)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watches[k] = b.watches[k][1:]
		b.stopped++
	}
}

func (b *board) post(path dtab.Path, s State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, update := range b.watches[key(path)] {
		update(s)
	}
}

func (b *board) watched(path dtab.Path) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.watches[key(path)])
}

// journal notes who was told of changes.
type journal struct {
	mu   sync.Mutex
	told []string
}

func (j *journal) note(consumer string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told = append(j.told, consumer)
}

// take returns what was noted since the last take, sorted.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	told := j.told
	j.told = nil
	slices.Sort(told)
	return told
}

var mountPoint = dtab.Path{"#", "board"}

func posted(name string) dtab.Path { return append(slices.Clone(mountPoint), name) }

func boundTo(path dtab.Path, addrs ...string) State {
	addr := Addr{State: AddrBound}
	for _, a := range addrs {
		addr.Endpoints = append(addr.Endpoints, Endpoint{Addr: netip.MustParseAddrPort(a), Weight: 1})
	}
	return BoundTo(path, len(path), addr)
}

func newTable(t testing.TB, b *board, changed func(string)) *Table {
	t.Helper()
	table, err := NewTable(changed, Mount{Prefix: mountPoint, Namer: b})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func expectState(t *testing.T, v View, path dtab.Path, want State) {
	t.Helper()
	got, ok := v.State(path)
	if !ok || !got.Equal(want) {
		t.Errorf("state of %q: known %v\n%s", []string(path), ok, cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })))
	}
}

func expectUnknown(t *testing.T, v View, path dtab.Path) {
	t.Helper()
	if got, ok := v.State(path); ok {
		t.Errorf("state of %q is known: %+v", []string(path), got)
	}
}

func expectTold(t *testing.T, j *journal, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, j.take()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestTableTellsTheConsumersOfTheNameThatChanged(t *testing.T) {
	b, j := &board{}, &journal{}
	table := newTable(t, b, j.note)
	red, blue := posted("red"), posted("blue")
	table.Want("one", []dtab.Path{red})
	table.Want("both", []dtab.Path{red, blue, red})
	expectUnknown(t, table.View(), red)
	expectTold(t, j)

	b.post(red, boundTo(red, "10.0.0.1:80"))
	expectTold(t, j, "both", "one")
	b.post(blue, State{})
	expectTold(t, j, "both")
	expectState(t, table.View(), red, boundTo(red, "10.0.0.1:80"))
	expectState(t, table.View(), blue, State{})

	table.Want("both", []dtab.Path{blue})
	b.post(red, boundTo(red, "10.0.0.2:80"))
	expectTold(t, j, "one")
}

func TestTableTellsNobodyOfEqualStatesInARow(t *testing.T) {
	red := posted("red")
	states := []State{
		{},
		{Err: errors.New("refused")},
		boundTo(red),
		boundTo(red, "10.0.0.1:80"),
		boundTo(red, "10.0.0.1:80", "[fd00::1]:80"),
		BoundTo(red, len(red), Addr{State: AddrNeg}),
		BoundTo(red, len(red), Addr{State: AddrFailed, Cause: "bad line"}),
		BoundTo(red, len(red)-1, Addr{State: AddrNeg}),
		{Tree: dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{Path: red}}},
		{Tree: dtab.Tree[dtab.Name]{Kind: dtab.Alt, Children: []dtab.Weighted[dtab.Name]{{Weight: 1}, {Weight: 1}}}},
		{Tree: dtab.Tree[dtab.Name]{Kind: dtab.Alt, Children: []dtab.Weighted[dtab.Name]{{Weight: 1}, {Weight: 2}}}},
	}
	b, j := &board{}, &journal{}
	table := newTable(t, b, j.note)
	table.Want("one", []dtab.Path{red})
	for _, s := range states {
		b.post(red, s)
		expectTold(t, j, "one")
		b.post(red, s)
		expectTold(t, j)
		expectState(t, table.View(), red, s)
	}
}

func TestTableTellsWhoWantsANameThatIsKnownAlready(t *testing.T) {
	red, blue := posted("red"), posted("blue")
	b, j := &board{first: map[string]State{key(red): boundTo(red)}}, &journal{}
	table := newTable(t, b, j.note)
	table.Want("one", []dtab.Path{red}) // answered before Watch returns
	expectTold(t, j, "one")

	table.Want("two", []dtab.Path{red, blue})
	expectTold(t, j, "two")
	table.Want("two", []dtab.Path{blue, red}) // nothing new
	expectTold(t, j)
	table.Want("two", []dtab.Path{blue}) // a name less
	expectTold(t, j)
	if n := b.watched(red); n != 1 {
		t.Errorf("%d watches of one name", n)
	}
}

func TestViewStaysAsItWas(t *testing.T) {
	b, j := &board{}, &journal{}
	table := newTable(t, b, j.note)
	red := posted("red")
	table.Want("one", []dtab.Path{red})
	before := table.View()
	b.post(red, boundTo(red, "10.0.0.1:80"))
	during := table.View()
	b.post(red, boundTo(red, "10.0.0.2:80"))

	expectUnknown(t, before, red)
	expectState(t, during, red, boundTo(red, "10.0.0.1:80"))
	expectState(t, table.View(), red, boundTo(red, "10.0.0.2:80"))
}

func TestPathsUnderNoMountAreKnownToBeNothing(t *testing.T) {
	b, j := &board{}, &journal{}
	table := newTable(t, b, j.note)
	elsewhere := dtab.Path{"#", "elsewhere", "red"}
	table.Want("one", []dtab.Path{elsewhere, {"#"}, {}})
	expectTold(t, j)
	for _, v := range []View{table.View(), {}} {
		expectState(t, v, elsewhere, State{})
		expectState(t, v, dtab.Path{"#"}, State{})
		expectState(t, v, dtab.Path{}, State{})
	}
}

func TestSegmentsDoNotRunIntoEachOther(t *testing.T) {
	b, j := &board{}, &journal{}
	table := newTable(t, b, j.note)
	paths := []dtab.Path{posted("a/b"), append(posted("a"), "b"), posted("ab"), posted("a\x00b"), posted("a\x01b")}
	table.Want("one", paths)
	for i, path := range paths {
		b.post(path, boundTo(path, fmt.Sprintf("10.0.0.%d:80", i)))
	}
	for i, path := range paths {
		expectState(t, table.View(), path, boundTo(path, fmt.Sprintf("10.0.0.%d:80", i)))
	}
}

func TestNamesAreReleasedAfterGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, j := &board{}, &journal{}
		table := newTable(t, b, j.note)
		red, blue := posted("red"), posted("blue")
		table.Want("one", []dtab.Path{red, blue})
		b.post(red, boundTo(red))
		b.post(blue, boundTo(blue))

		table.Want("one", []dtab.Path{blue})
		time.Sleep(Grace - time.Second)
		expectState(t, table.View(), red, boundTo(red))
		table.Want("two", []dtab.Path{red}) // wanted again in time
		time.Sleep(2 * Grace)
		expectState(t, table.View(), red, boundTo(red))

		table.Want("one", nil)
		table.Want("two", nil)
		time.Sleep(Grace + time.Second)
		for _, path := range []dtab.Path{red, blue} {
			expectUnknown(t, table.View(), path)
			if n := b.watched(path); n != 0 {
				t.Errorf("%q has %d watches", []string(path), n)
			}
		}
		if len(table.names)+len(table.wants) != 0 {
			t.Errorf("left over: names %v, wants %v", table.names, table.wants)
		}

		table.Want("one", []dtab.Path{red}) // starts afresh
		expectUnknown(t, table.View(), red)
		b.post(red, boundTo(red, "10.0.0.1:80"))
		expectState(t, table.View(), red, boundTo(red, "10.0.0.1:80"))
		table.Want("one", nil)
		time.Sleep(Grace + time.Second)
	})
}

// slow is a namer whose Watch returns only when it is let go.
type slow struct {
	release chan struct{}
	update  func(State)
	stopped chan struct{}
}

func (s *slow) Watch(_ dtab.Path, update func(State)) func() {
	s.update = update
	<-s.release
	return func() { close(s.stopped) }
}

func TestNameReleasedWhileItsWatchStartsIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{release: make(chan struct{}), stopped: make(chan struct{})}
		table, err := NewTable(func(string) {}, Mount{Prefix: mountPoint, Namer: s})
		if err != nil {
			t.Fatal(err)
		}
		go table.Want("one", []dtab.Path{posted("red")})
		synctest.Wait()
		table.Want("one", nil)
		time.Sleep(Grace + time.Second)
		close(s.release)
		<-s.stopped
		s.update(boundTo(posted("red"))) // too late
		expectUnknown(t, table.View(), posted("red"))
	})
}

func TestTableRefusesOverlappingMounts(t *testing.T) {
	cases := []struct {
		reason string
		prefix []dtab.Path
		ok     bool
	}{
		{"nothing mounted", nil, true},
		{"apart", []dtab.Path{{"#", "a"}, {"#", "b"}, {"$", "a"}}, true},
		{"text prefix only", []dtab.Path{{"#", "a"}, {"#", "ab"}}, true},
		{"the same twice", []dtab.Path{{"#", "a"}, {"#", "b"}, {"#", "a"}}, false},
		{"one inside another", []dtab.Path{{"#", "a", "b"}, {"#", "a"}}, false},
		{"one around another", []dtab.Path{{"#", "a"}, {"#", "a", "b"}}, false},
		{"empty", []dtab.Path{{}}, false},
	}
	for _, c := range cases {
		var mounts []Mount
		for _, p := range c.prefix {
			mounts = append(mounts, Mount{Prefix: p, Namer: &board{}})
		}
		if _, err := NewTable(func(string) {}, mounts...); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

func TestTableUnderConcurrentUse(t *testing.T) {
	b := &board{}
	j := &journal{}
	table := newTable(t, b, j.note)
	var group sync.WaitGroup
	for consumer := range 4 {
		group.Go(func() {
			for round := range 100 {
				path := posted(fmt.Sprint(round % 7))
				table.Want(fmt.Sprint(consumer), []dtab.Path{path, posted(fmt.Sprint(consumer))})
				b.post(path, boundTo(path, fmt.Sprintf("10.0.%d.%d:80", consumer, round)))
				table.View().State(path)
			}
		})
	}
	group.Wait()
	for i := range 7 {
		if n := b.watched(posted(fmt.Sprint(i))); n != 1 {
			t.Errorf("%d watches of name %d", n, i)
		}
	}
}

func TestSortEndpoints(t *testing.T) {
	at := func(addr string, weight float64, node string) Endpoint {
		return Endpoint{Addr: netip.MustParseAddrPort(addr), Weight: weight, Node: node}
	}
	got := SortEndpoints([]Endpoint{
		at("[fd00::1]:80", 1, ""), at("10.0.0.2:80", 1, ""), at("10.0.0.10:80", 1, ""),
		at("10.0.0.2:80", 2, ""), at("10.0.0.2:80", 2, "n1"), at("10.0.0.2:79", 1, ""),
	})
	want := []Endpoint{
		at("10.0.0.2:79", 1, ""), at("10.0.0.2:80", 2, "n1"), at("10.0.0.10:80", 1, ""), at("[fd00::1]:80", 1, ""),
	}
	if !slices.EqualFunc(got, want, Endpoint.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			bd := &board{}
			table := newTable(b, bd, func(string) {})
			paths := make([]dtab.Path, size)
			for i := range paths {
				paths[i] = posted(fmt.Sprint("name-", i))
			}
			table.Want("one", paths)
			for _, path := range paths {
				bd.post(path, State{})
			}
			states := []State{boundTo(paths[0], "10.0.0.1:80"), boundTo(paths[0], "10.0.0.2:80")}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bd.post(paths[i%size], states[i/size%2])
				table.View()
			}
		})
	}
}

func BenchmarkWantUnchanged(b *testing.B) {
	bd := &board{}
	table := newTable(b, bd, func(string) {})
	paths := make([]dtab.Path, 1000)
	for i := range paths {
		paths[i] = posted(fmt.Sprint("name-", i))
	}
	table.Want("one", paths)
	b.ReportAllocs()
	for b.Loop() {
		table.Want("one", paths)
	}
}

func BenchmarkViewState(b *testing.B) {
	bd := &board{}
	table := newTable(b, bd, func(string) {})
	paths := make([]dtab.Path, 10_000)
	for i := range paths {
		paths[i] = posted(fmt.Sprint("name-", i))
	}
	table.Want("one", paths)
	for _, path := range paths {
		bd.post(path, boundTo(path))
	}
	view := table.View()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		view.State(paths[i%len(paths)])
	}
}
