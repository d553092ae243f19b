// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/resolve"
)

// treeSource stands for the answers of bind and resolve among the sources of
// knowledge. The others are texts of concrete names, which begin with a slash.
const treeSource = "tree"

// knowledge is what is known of one name, put together from several streams. What
// comes from a stream after its ctx has ended is passed over.
type knowledge struct {
	tell func(resolve.State)

	mu        sync.Mutex
	state     resolve.State               // mu guards this and the rest
	served    dtab.Tree[dtab.Path]        // of state.Answer; Neg before the first
	newest    *dtab.Tree[dtab.Path]       // in place of served once one of its names is known; nil when there is none
	endpoints map[string][]namer.Endpoint // text of a name in one of the trees -> its addresses, if they are known
	followed  map[string]bool             // text of such a name -> its own stream stands and has said something
	errs      map[string]error            // source -> what is wrong with it
}

func newKnowledge(tell func(resolve.State)) *knowledge {
	return &knowledge{tell: tell, endpoints: map[string][]namer.Endpoint{}, followed: map[string]bool{}, errs: map[string]error{}}
}

// begin forgets which streams there were. What they said stays.
func (k *knowledge) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.followed)
}

// bound takes an answer of bind. It is good if it has names and the addresses of
// one of them are known, or become known; its other names keep the addresses that
// they had last, or have none. It returns the names whose addresses matter.
func (k *knowledge) bound(ctx context.Context, tree dtab.Tree[bound]) map[string]dtab.Path {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	names := dtab.Map(tree, func(b bound) dtab.Path { return b.id })
	k.newest = nil
	why := fmt.Errorf("it is bound to nothing (%s)", tree.Kind)
	resolve.ForNames(tree, func(b bound) { k.newest, why = &names, k.mention(b) })
	if k.settle() {
		k.answered(treeSource)
	} else {
		k.failure(treeSource, why)
	}
	return k.names()
}

// mention takes the addresses with which a name comes in a tree: the name's own
// stream is at least as new. The error says that there are none. k.mu is held.
func (k *knowledge) mention(b bound) error {
	name := b.id.String()
	if b.addr.State == namer.AddrBound && !k.followed[name] {
		k.endpoints[name] = b.addr.Endpoints
		delete(k.errs, name)
	}
	if _, known := k.endpoints[name]; known {
		return nil
	}
	k.errs[name] = unknown(b.id, b.addr)
	return k.errs[name]
}

// addr takes an answer of addr.
func (k *knowledge) addr(ctx context.Context, id dtab.Path, addr namer.Addr) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := id.String()
	if _, matters := k.names()[name]; !matters || ctx.Err() != nil {
		return
	}
	k.followed[name] = true
	if addr.State != namer.AddrBound {
		k.failure(name, unknown(id, addr))
		return
	}
	k.endpoints[name] = addr.Endpoints
	if k.settle() {
		delete(k.errs, treeSource)
	}
	k.answered(name)
}

// resolved takes an answer of resolve, which is of one destination, whichever it is.
func (k *knowledge) resolved(ctx context.Context, name dtab.Path, addr namer.Addr) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case addr.State != namer.AddrBound:
		k.failure(treeSource, unknown(name, addr))
	default:
		k.endpoints[name.String()] = addr.Endpoints
		k.newest = &dtab.Tree[dtab.Path]{Kind: dtab.Leaf, Leaf: name}
		k.settle()
		k.answered(treeSource)
	}
}

// failed takes the end of a source.
func (k *knowledge) failed(ctx context.Context, source string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	delete(k.followed, source)
	k.failure(source, err)
}

// unknown says that the addresses of a name are not known.
func unknown(name dtab.Path, addr namer.Addr) error {
	switch addr.State {
	case namer.AddrNeg:
		return fmt.Errorf("%s has no addresses (neg)", name)
	case namer.AddrFailed:
		return fmt.Errorf("the addresses of %s cannot be known: %s", name, addr.Cause)
	}
	return fmt.Errorf("the addresses of %s are awaited", name)
}

// settle puts the newest tree in place of the one served if one of its names is
// known, and forgets all names that are in neither. k.mu is held.
func (k *knowledge) settle() (settled bool) {
	if k.newest != nil {
		resolve.ForNames(*k.newest, func(id dtab.Path) {
			_, known := k.endpoints[id.String()]
			settled = settled || known
		})
	}
	if settled {
		k.served, k.newest = *k.newest, nil
	}
	names := k.names()
	gone := func(name string) bool { return names[name] == nil }
	maps.DeleteFunc(k.endpoints, func(name string, _ []namer.Endpoint) bool { return gone(name) })
	maps.DeleteFunc(k.followed, func(name string, _ bool) bool { return gone(name) })
	maps.DeleteFunc(k.errs, func(source string, _ error) bool { return source != treeSource && gone(source) })
	return settled
}

// names are those of both trees, by their texts. k.mu is held.
func (k *knowledge) names() map[string]dtab.Path {
	names := map[string]dtab.Path{}
	add := func(id dtab.Path) { names[id.String()] = id }
	resolve.ForNames(k.served, add)
	if k.newest != nil {
		resolve.ForNames(*k.newest, add)
	}
	return names
}

// failure counts a failure of a source. k.mu is held.
func (k *knowledge) failure(source string, err error) {
	k.errs[source] = err
	k.state.Failures++
	k.say()
}

// answered counts an answer of a source. k.mu is held.
func (k *knowledge) answered(source string) {
	delete(k.errs, source)
	k.state.Answers++
	next := &resolve.Answer{Tree: k.served, Endpoints: map[string][]namer.Endpoint{}}
	resolve.ForNames(k.served, func(id dtab.Path) { next.Endpoints[id.String()] = k.endpoints[id.String()] })
	if !next.Equal(k.state.Answer) {
		k.state.Answer = next
	}
	k.say()
}

// say tells the state. k.mu is held.
func (k *knowledge) say() {
	var errs []error
	for _, source := range slices.Sorted(maps.Keys(k.errs)) {
		errs = append(errs, k.errs[source])
	}
	k.state.Err = errors.Join(errs...)
	k.tell(k.state)
}
