// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func TestAStoppedProxyLagsUntilItsConnectionIsDead(t *testing.T) {
	r := newRig(t, func(o *Options) { o.PingEvery, o.PingTimeout = time.Second, time.Second })
	r.book.Publish(edge, two())
	stopped := newFreezer()
	p := r.dial(t, "edge", hello("edge-0"), stopped.dial)
	p.receive(t)
	p.ack(t)
	r.acked(t, 1, 1)
	stopped.freeze()
	frozen := time.Now()
	r.book.Publish(edge, &pushv1.Config{})
	lagging := r.book.Progress(edge)
	if len(lagging.Proxies) != 1 || lagging.Proxies[0].Acked != 1 || lagging.Generation != 2 {
		t.Errorf("progress with the proxy stopped: %+v", lagging.Proxies)
	}
	await(t, "the proxy is dropped", r.changed, func() bool { return len(r.book.Progress(edge).Proxies) == 0 })
	if listed := time.Since(frozen); listed < time.Second {
		t.Errorf("it was listed for %v, want the ping timeout at least", listed)
	}
	stopped.thaw()
}

func TestAStoppedProxyGoesOnWhereItWas(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	stopped := newFreezer()
	p := r.dial(t, "edge", hello("edge-0"), stopped.dial)
	p.receive(t)
	p.ack(t)
	r.acked(t, 1, 1)
	stopped.freeze()
	for i := range uint32(4) {
		r.book.Publish(edge, bulky(i))
	}
	stopped.thaw()
	go p.follow()
	r.acked(t, 1, 5)
	r.book.Forget(edge)
}

func TestASendThatIsStuckEndsWithTheSession(t *testing.T) {
	r := newRig(t, nil)
	stopped := newFreezer()
	r.dial(t, "edge", hello("edge-0"), stopped.dial)
	await(t, "the proxy is listed", r.changed, func() bool { return len(r.book.Progress(edge).Proxies) == 1 })
	stopped.freeze()
	r.book.Publish(edge, bulky(1))
	r.depose()
	await(t, "the session ends", r.changed, func() bool { return len(r.book.Progress(edge).Proxies) == 0 })
	await(t, "its goroutines end", nil, func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !bytes.Contains(stacks, []byte("(*Server).send(")) && !bytes.Contains(stacks, []byte("(*Server).receive("))
	})
	stopped.thaw()
}

// bulky is a config that no socket buffer holds.
func bulky(port uint32) *pushv1.Config {
	c := two()
	filler := strings.Repeat("n", 1<<10)
	for range 10000 {
		c.Pools[0].Endpoints = append(c.Pools[0].Endpoints, &pushv1.Endpoint{Address: "127.0.0.1", Port: 1 + port, Node: filler})
	}
	return c
}
