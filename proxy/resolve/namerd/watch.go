// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wye-dev/wye/dtab"
)

// watch follows the tree of a name, and the addresses in it, until the stream of
// trees ends. The error is errNoWatch if the namerd lacks one of the two.
func (c *Client) watch(ctx context.Context, name dtab.Path, k *knowledge) error {
	ctx, end := context.WithCancelCause(ctx)
	w := &watching{client: c, ctx: ctx, end: end, knowledge: k, stops: map[string]context.CancelFunc{}}
	defer w.addresses.Wait()
	defer end(nil)
	k.begin()
	err := c.stream(ctx, c.url("bind", name, true), w.take)
	if cause := context.Cause(ctx); errors.Is(cause, errNoWatch) {
		return cause
	}
	return err
}

// watching is the stream of trees, and those of addresses.
type watching struct {
	client    *Client
	ctx       context.Context // of all streams
	end       context.CancelCauseFunc
	knowledge *knowledge
	addresses sync.WaitGroup
	stops     map[string]context.CancelFunc // text of name -> ends the stream of its addresses
}

// take takes a tree.
func (w *watching) take(line []byte) error {
	tree, err := decodeTree(line)
	if err != nil {
		return err
	}
	names := w.knowledge.bound(w.ctx, tree)
	for text, id := range names {
		if w.stops[text] == nil {
			ctx, stop := context.WithCancel(w.ctx)
			w.stops[text] = stop
			w.addresses.Go(func() { w.follow(ctx, id) })
		}
	}
	for text, stop := range w.stops {
		if names[text] == nil {
			stop()
			delete(w.stops, text)
		}
	}
	return nil
}

// follow follows the addresses of a concrete name until ctx ends.
func (w *watching) follow(ctx context.Context, id dtab.Path) {
	again(ctx, func() {
		err := w.client.stream(ctx, w.client.url("addr", id, true), func(line []byte) error {
			addr, err := decodeAddr(line)
			if err == nil {
				w.knowledge.addr(ctx, id, addr)
			}
			return err
		})
		if errors.Is(err, errNoWatch) {
			w.end(err)
		}
		w.knowledge.failed(ctx, id.String(), err)
	})
}

// poll asks for the addresses of a name, every so often, until that fails; why is
// what is wrong with watching. A namerd that failed may be another one when it is back.
func (c *Client) poll(ctx context.Context, name dtab.Path, k *knowledge, why error) error {
	ticker := time.NewTicker(c.options.Period)
	defer ticker.Stop()
	for first := true; ; first = false {
		text, err := c.once(ctx, c.url("resolve", name, false))
		if err != nil {
			return err
		}
		addr, err := decodeAddr(text)
		if err != nil {
			return err
		}
		k.resolved(ctx, name, addr)
		if first {
			c.options.Log.Warn("namerd cannot be watched and is asked from time to time; of a union, one branch is taken for all connections until the next answer",
				"name", name.String(), "every", c.options.Period, "reason", why)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
