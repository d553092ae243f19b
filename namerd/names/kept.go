// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"container/list"
	"sync"

	"github.com/wye-dev/wye/dtab"
)

// keptNames is how many names stay watched after nobody listens any more: who asks
// from time to time, as linkerd-tcp does, gets what is known at once, and what a
// backend that is away said last. (namerd keeps 1000 bindings and 1000 addresses.)
const keptNames = 2000

// kept are the names that were asked for last. The zero value is empty and needs want.
type kept struct {
	want func(consumer string, paths []dtab.Path)

	mu     sync.Mutex
	recent list.List                // of texts, the last first; mu guards it
	places map[string]*list.Element // text -> place in recent; mu guards it
}

// touch keeps names, and forgets others for them.
func (k *kept) touch(paths []dtab.Path) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.places == nil {
		k.places = map[string]*list.Element{}
	}
	for _, path := range paths {
		text := path.String()
		if place, ok := k.places[text]; ok {
			k.recent.MoveToFront(place)
			continue
		}
		k.places[text] = k.recent.PushFront(text)
		k.want(consumer(text), []dtab.Path{path})
	}
	for k.recent.Len() > keptNames {
		text := k.recent.Remove(k.recent.Back()).(string)
		delete(k.places, text)
		k.want(consumer(text), nil)
	}
}

// consumer is the name under which a name is kept. Followers have numbers.
func consumer(text string) string { return "kept" + text }
