// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package local_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/resolve"
	"github.com/wye-dev/wye/proxy/resolve/local"
)

// board is a namer at /#/b that says what a test posts.
type board struct {
	mu      sync.Mutex
	states  map[string]namer.State         // text of a name -> what was posted last; mu guards it
	watches map[string][]func(namer.State) // mu guards it
}

func (b *board) Watch(path dtab.Path, update func(namer.State)) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := path.String()
	b.watches[text] = append(b.watches[text], update)
	if s, ok := b.states[text]; ok {
		update(s)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watches[text] = nil
	}
}

func (b *board) post(name string, s namer.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states[name] = s
	for _, update := range b.watches[name] {
		update(s)
	}
}

func (b *board) watched() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, w := range b.watches {
		n += len(w)
	}
	return n
}

// at is a bound name with addresses on 10.0.0.1.
func at(name string, ports ...uint16) namer.State {
	addr := namer.Addr{State: namer.AddrBound}
	for _, port := range ports {
		addr.Endpoints = append(addr.Endpoints, namer.Endpoint{Addr: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port), Weight: 1})
	}
	path := dtab.MustParsePath(name)
	return namer.BoundTo(path, len(path), addr)
}

func failed(name string) namer.State {
	path := dtab.MustParsePath(name)
	return namer.BoundTo(path, len(path), namer.Addr{State: namer.AddrFailed, Cause: "bad line"})
}

// world follows /svc by a table.
type world struct {
	*board
	t     *testing.T
	mu    sync.Mutex
	state resolve.State // mu guards it
}

// follow runs a test in a bubble, where synctest.Wait waits for all that follows
// from a change.
func follow(t *testing.T, table string, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, board: &board{states: map[string]namer.State{}, watches: map[string][]func(namer.State){}}}
		names, err := local.New(namer.Mount{Prefix: dtab.Path{"#", "b"}, Namer: w.board})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := dtab.Parse(table)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var following sync.WaitGroup
		following.Go(func() {
			names.By(dtab.NewTable(parsed)).Follow(ctx, dtab.MustParsePath("/svc"), func(s resolve.State) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.state = s
			})
		})
		test(w)
		cancel()
		following.Wait()
		<-time.After(2 * namer.Grace)
		synctest.Wait()
		if n := w.watched(); n > 0 {
			t.Errorf("%d names are watched after the end", n)
		}
	})
}

// is holds the state against an answer and an error.
func (w *world) is(answer, failure string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := "nothing"
	if a := w.state.Answer; a != nil {
		got = dtab.FormatTreeExact(a.Tree)
		resolve.ForNames(a.Tree, func(id dtab.Path) { got += fmt.Sprintf("; %s%v", id, ports(a.Endpoints[id.String()])) })
	}
	text := ""
	if w.state.Err != nil {
		text = w.state.Err.Error()
	}
	if diff := cmp.Diff([]string{answer, failure}, []string{got, text}); diff != "" {
		w.t.Errorf("(-want +got):\n%s", diff)
	}
}

func ports(endpoints []namer.Endpoint) []uint16 {
	list := []uint16{}
	for _, e := range endpoints {
		list = append(list, e.Addr.Port())
	}
	return list
}

func TestAddressesAreFollowedAtOnce(t *testing.T) {
	follow(t, "/svc => 9 * /#/b/x & 1 * /#/b/y", func(w *world) {
		w.is("nothing", "/#/b/x: pending")
		w.post("/#/b/x", at("/#/b/x", 1))
		w.is("nothing", "/#/b/y: pending")
		w.post("/#/b/y", at("/#/b/y"))
		w.is("9*/#/b/x & /#/b/y; /#/b/x[1]; /#/b/y[]", "")
		w.post("/#/b/y", at("/#/b/y", 2, 3))
		w.is("9*/#/b/x & /#/b/y; /#/b/x[1]; /#/b/y[2 3]", "")
	})
}

func TestANameThatGoesGivesWayToTheNext(t *testing.T) {
	follow(t, "/svc => /#/b/x | /#/b/y", func(w *world) {
		w.post("/#/b/x", at("/#/b/x", 1))
		w.is("/#/b/x; /#/b/x[1]", "")
		w.post("/#/b/x", namer.State{})
		w.is("/#/b/x; /#/b/x[1]", "/#/b/y: pending") // what is awaited empties nothing
		w.post("/#/b/y", at("/#/b/y", 2))
		w.is("/#/b/y; /#/b/y[2]", "")
		w.post("/#/b/y", namer.State{})
		w.is("~", "") // an answer, and in force
	})
}

func TestWhatCannotBeKnownLeavesTheLastAnswer(t *testing.T) {
	follow(t, "/svc => /#/b/x & /#/b/y", func(w *world) {
		broken := namer.State{Err: errors.New("the disk is broken")}
		w.post("/#/b/x", at("/#/b/x", 1))
		w.post("/#/b/y", failed("/#/b/y"))
		w.is("/#/b/x & /#/b/y; /#/b/x[1]; /#/b/y[]", "the addresses of /#/b/y cannot be known: bad line")
		w.post("/#/b/y", at("/#/b/y", 2))
		w.is("/#/b/x & /#/b/y; /#/b/x[1]; /#/b/y[2]", "")
		w.post("/#/b/y", failed("/#/b/y"))
		w.is("/#/b/x & /#/b/y; /#/b/x[1]; /#/b/y[2]", "the addresses of /#/b/y cannot be known: bad line")
		w.post("/#/b/y", broken) // left out while others are there, as in linkerd
		w.is("/#/b/x; /#/b/x[1]", "/#/b/y: the disk is broken")
		w.post("/#/b/x", broken)
		w.is("/#/b/x; /#/b/x[1]", "/#/b/x: the disk is broken")
	})
}

func TestOnlyFailuresCountAsSuch(t *testing.T) {
	follow(t, "/svc => /#/b/x", func(w *world) {
		w.is("nothing", "/#/b/x: pending")
		w.post("/#/b/x", namer.State{Err: errors.New("broken")})
		w.is("nothing", "/#/b/x: broken")
		w.post("/#/b/x", at("/#/b/x", 1))
		w.is("/#/b/x; /#/b/x[1]", "")
		w.post("/#/b/x", failed("/#/b/x"))
		w.is("/#/b/x; /#/b/x[1]", "the addresses of /#/b/x cannot be known: bad line")
		if w.state.Answers != 1 || w.state.Failures != 2 {
			t.Errorf("%d answers and %d failures, want 1 and 2", w.state.Answers, w.state.Failures)
		}
	})
}

func TestALoopIsAnError(t *testing.T) {
	follow(t, "/svc => /svc", func(w *world) {
		synctest.Wait()
		if !errors.Is(w.state.Err, dtab.ErrDepth) || w.state.Answer != nil {
			t.Errorf("%+v", w.state)
		}
	})
}

func TestPrefixesMustNotOverlap(t *testing.T) {
	b := &board{}
	if _, err := local.New(namer.Mount{Prefix: dtab.Path{"#", "b"}, Namer: b}, namer.Mount{Prefix: dtab.Path{"#", "b", "c"}, Namer: b}); err == nil {
		t.Error("no error")
	}
}
