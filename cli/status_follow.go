// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// observeEvery is how often status -w asks the proxies.
const observeEvery = 2 * time.Second

// board is what status -w shows: routes as they were seen last, and what was
// observed of them.
type board struct {
	*program
	output string

	mu       sync.Mutex                    // guards what follows, and what is written
	routes   map[string]*v1alpha1.TCPRoute // name -> route
	seen     sighting
	shown    map[string]string // name -> what was shown of it last
	complain string            // what was said last of why nothing is observed
}

// followStatus shows a route whenever it looks different from the time before.
func (p *program) followStatus(ctx context.Context, c cluster, f statusFlags, o *observer, name string) error {
	b := &board{program: p, output: f.output, routes: map[string]*v1alpha1.TCPRoute{}, shown: map[string]string{}}
	if err := b.see(o.look(ctx, name)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var looking sync.WaitGroup
	var broken error
	looking.Go(func() {
		broken = b.keepLooking(ctx, o, name)
		cancel()
	})
	err := c.follow(ctx, name, b.put)
	cancel()
	looking.Wait()
	if errors.Is(err, context.Canceled) {
		err = broken // nil when the user has seen enough
	}
	return err
}

// keepLooking asks the proxies again and again, until ctx ends.
func (b *board) keepLooking(ctx context.Context, o *observer, name string) error {
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		seen := o.look(ctx, name)
		if ctx.Err() != nil {
			return nil
		}
		if err := b.see(seen); err != nil {
			return err
		}
	}
}

// put takes a route as it is now.
func (b *board) put(event apiwatch.EventType, r *v1alpha1.TCPRoute) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if event == apiwatch.Deleted {
		delete(b.routes, r.Name)
		return b.show(&routeView{Namespace: r.Namespace, Name: r.Name, Deleted: true, Arms: []armView{}})
	}
	b.routes[r.Name] = r
	return b.show(viewOf(r, b.seen))
}

// see takes what was observed now.
func (b *board) see(seen sighting) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = seen
	if text := notObserved(seen); text != b.complain {
		fmt.Fprint(b.ErrOut, text)
		b.complain = text
	}
	for _, name := range slices.Sorted(maps.Keys(b.routes)) {
		if err := b.show(viewOf(b.routes[name], seen)); err != nil {
			return err
		}
	}
	return nil
}

// show shows a route, unless it looks as it did. b.mu is held.
func (b *board) show(v *routeView) error {
	text, err := v.line(b.output)
	if err != nil || b.shown[v.Name] == text {
		return err
	}
	if len(b.shown) > 0 && b.output == outputText {
		fmt.Fprintln(b.Out)
	}
	b.shown[v.Name] = text
	_, err = fmt.Fprint(b.Out, text)
	return err
}
