// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"context"
	"errors"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Delegation is the account of how a name is resolved, with the addresses of the
// bound names in it.
type Delegation struct {
	*dtab.Delegation
	addrs map[string]namer.Addr // text of an ID -> addresses
}

// Addr is the address set of a name in the delegation.
func (d Delegation) Addr(b dtab.Bound) namer.Addr { return d.addrs[b.ID.String()] }

// Delegate waits until everything in a delegation is known. An error other than
// ctx's says that there is none.
func (n *Names) Delegate(ctx context.Context, q Query) (Delegation, error) {
	f := n.follow(q)
	defer f.Close()
	var result Delegation
	var failed error
	err := f.until(ctx, func(in dtab.Interpreter, l *namer.Lookups) bool {
		result.Delegation, failed = in.Delegate(q.Path)
		if failed != nil {
			return !errors.Is(failed, dtab.ErrPending)
		}
		result.addrs = map[string]namer.Addr{}
		return result.collect(result.Delegation, l)
	})
	return result, either(err, failed)
}

// collect looks up all addresses and tells whether they are known.
func (d Delegation) collect(node *dtab.Delegation, l *namer.Lookups) (known bool) {
	known = true
	if node.Bound != nil {
		addr := l.Addr(node.Bound.ID)
		d.addrs[node.Bound.ID.String()] = addr
		known = addr.State != namer.AddrPending
	}
	for _, c := range node.Children {
		known = d.collect(c.Tree, l) && known
	}
	return known
}
