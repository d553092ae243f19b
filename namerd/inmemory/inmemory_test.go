// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inmemory_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd"
	"github.com/wye-dev/wye/namerd/inmemory"
)

func TestOneOfManyWritersOfAVersionWins(t *testing.T) {
	const rounds, writers = 50, 8
	s := inmemory.New(map[string]dtab.Dtab{"default": nil})
	for range rounds {
		before, _ := s.Get("default")
		var won atomic.Int32
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				switch err := s.Put(t.Context(), "default", nil, before.Version); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, namerd.ErrMismatch):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d writers won", won.Load())
		}
	}
	if after, _ := s.Get("default"); fmt.Sprint(after.Version) != "[0 0 0 0 0 0 0 51]" {
		t.Errorf("version %v", after.Version)
	}
}

func TestReadersAreWoken(t *testing.T) {
	s := inmemory.New(nil)
	none, appears := s.Get("a")
	list, others := s.List()
	if none != nil || len(list) != 0 {
		t.Fatalf("%v, %v in an empty store", none, list)
	}
	must(t, s.Create(t.Context(), "a", nil))
	<-appears
	<-others
	first, replaced := s.Get("a")
	list, others = s.List()
	must(t, s.Put(t.Context(), "a", nil, first.Version))
	<-replaced
	select {
	case <-others:
		t.Error("there are no other namespaces")
	default:
	}
	_, replaced = s.Get("a")
	must(t, s.Delete(t.Context(), "a"))
	<-replaced
	<-others
	if diff := cmp.Diff([]string{"a"}, list); diff != "" {
		t.Errorf("a list has changed: %s", diff)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := inmemory.New(nil)
	for what, err := range map[string]error{
		"put":    s.Put(t.Context(), "a", nil, []byte{}),
		"delete": s.Delete(t.Context(), "a"),
	} {
		if !errors.Is(err, namerd.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, s.Put(t.Context(), "a", nil, nil))
	if err := s.Create(t.Context(), "a", nil); !errors.Is(err, namerd.ErrExists) {
		t.Errorf("create: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
