// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/publish"
)

// The further routes are on ports of their own, below those that the kernel gives
// away.
const (
	firstPort = 20000
	maxRoutes = 10000
	// patience is how long the proxy may take to confirm a change.
	patience = 20 * time.Second
)

// controller makes up configs.
type controller struct {
	book    *publish.Book
	port    uint32
	backend netip.AddrPort
	news    chan struct{} // something was confirmed

	mu     sync.Mutex // held while publishing
	turn   int        // mu guards it
	routes int        // beside the first; mu guards it
}

func newController(port uint32, backend netip.AddrPort) *controller {
	c := &controller{port: port, backend: backend, news: make(chan struct{}, 1)}
	c.book = publish.NewBook(func(types.NamespacedName) {
		select {
		case c.news <- struct{}{}:
		default: // there is news to be read
		}
	})
	c.publish(0)
	return c
}

// publish publishes all routes with weights that differ from the last ones, and n
// of them beside the first, or as many as there are if there are more.
func (c *controller) publish(n int) (generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	c.routes = max(c.routes, n)
	return c.book.Publish(fleet(), c.config(c.routes, c.turn))
}

// change publishes so many times a second.
func (c *controller) change(ctx context.Context, perSecond float64) error {
	if perSecond <= 0 {
		return nil
	}
	ticks := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			c.publish(0)
		case <-ctx.Done():
			return nil
		}
	}
}

// changeAll changes n routes beside the first, and returns how long it took from
// publishing until the proxy had confirmed it, refusing nothing.
func (c *controller) changeAll(ctx context.Context, n int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begin := time.Now()
	generation := c.publish(n)
	for c.acked() < generation {
		select {
		case <-c.news:
		case <-ctx.Done():
			return 0, fmt.Errorf("generation %d is not confirmed: %w", generation, ctx.Err())
		}
	}
	took := time.Since(begin)
	for _, p := range c.book.Progress(fleet()).Proxies {
		for name, refusal := range p.Refused {
			return 0, fmt.Errorf("%s is refused: %s", name, refusal.GetMessage())
		}
	}
	return took, nil
}

// acked is what the proxy has confirmed, 0 while there is none.
func (c *controller) acked() (generation uint64) {
	for _, p := range c.book.Progress(fleet()).Proxies {
		generation = max(generation, p.Acked)
	}
	return generation
}

// config is the first route and n more, each over the same two pools.
func (c *controller) config(n, turn int) *pushv1.Config {
	config := &pushv1.Config{}
	for _, name := range []string{"/bench/a", "/bench/b"} {
		config.Pools = append(config.Pools, &pushv1.Pool{Name: name, Endpoints: []*pushv1.Endpoint{
			{Address: c.backend.Addr().String(), Port: uint32(c.backend.Port())},
		}})
	}
	for i := range n {
		config.Listeners = append(config.Listeners, listener(uint32(firstPort+i)))
		config.Routes = append(config.Routes, route(fmt.Sprintf("bench/%05d", i), uint32(firstPort+i), turn))
	}
	config.Listeners = append(config.Listeners, listener(c.port))
	config.Routes = append(config.Routes, route("bench/first", c.port, turn))
	return config
}

func listener(port uint32) *pushv1.Listener {
	return &pushv1.Listener{Name: fmt.Sprintf("tcp/%d", port), Port: port}
}

func route(name string, port uint32, turn int) *pushv1.Route {
	arm := func(name string, weight int) *pushv1.Weighted {
		leaf := &pushv1.Leaf{Arm: name, Pool: name}
		return &pushv1.Weighted{Weight: float64(weight), Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: leaf}}}
	}
	union := &pushv1.Union{Trees: []*pushv1.Weighted{arm("/bench/a", 1+turn%9), arm("/bench/b", 1)}}
	return &pushv1.Route{
		Name: name, Listener: fmt.Sprintf("tcp/%d", port), Hash: fmt.Sprintf("%016x", turn),
		Tree: &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: union}},
	}
}
