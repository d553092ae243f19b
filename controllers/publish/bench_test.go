// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// large is a config of 1000 routes over 5000 pools of three endpoints each. Pool
// 0 has the port given.
func large(port uint32) *pushv1.Config {
	c := &pushv1.Config{}
	for i := range 5000 {
		c.Pools = append(c.Pools, pool(fmt.Sprintf("/#/io.l5d.k8s/shop/tcp/svc-%04d", i), 1, 2, 3))
	}
	c.Pools[0].Endpoints[0].Port = port
	for i := range uint32(1000) {
		var arms []*pushv1.Tree
		for j := range uint32(5) {
			arms = append(arms, leaf(c.Pools[i*5+j].GetName()))
		}
		c.Listeners = append(c.Listeners, listener(10000+i))
		c.Routes = append(c.Routes, route(fmt.Sprintf("shop/route-%04d", i), 10000+i, "0123456789abcdef", union(arms...)))
	}
	return c
}

// BenchmarkPublish publishes 1000 routes and 5000 pools of which one moves.
func BenchmarkPublish(b *testing.B) {
	book := NewBook(quiet)
	configs := [2]*pushv1.Config{large(10), large(20)}
	b.ReportAllocs()
	for i := range b.N {
		book.Publish(edge, configs[i%2])
	}
}

// BenchmarkPublishUnchanged publishes the same content again and again.
func BenchmarkPublishUnchanged(b *testing.B) {
	book := NewBook(quiet)
	config := large(10)
	b.ReportAllocs()
	for range b.N {
		book.Publish(edge, config)
	}
}

// BenchmarkDifference finds one moved pool among 5000.
func BenchmarkDifference(b *testing.B) {
	base, next := newEdition(large(10)), newEdition(large(20))
	base.settle(nil, 1)
	next.settle(base, 2)
	b.ReportAllocs()
	for b.Loop() {
		difference(base, next)
	}
}

// BenchmarkFanOut moves one pool of 5000 on 100 proxies, from publishing to the
// last ack.
func BenchmarkFanOut(b *testing.B) {
	r := newRig(b, nil)
	configs := [2]*pushv1.Config{large(10), large(20)}
	r.book.Publish(edge, configs[0])
	for i := range 100 {
		go r.connect(b, fmt.Sprintf("edge-%d", i)).follow()
	}
	r.acked(b, 100, 1)
	b.ResetTimer()
	for i := range b.N {
		generation := r.book.Publish(edge, configs[(i+1)%2])
		r.acked(b, 100, generation)
	}
}

// BenchmarkFirstUpdate sends everything to 100 proxies, as after a fail-over.
func BenchmarkFirstUpdate(b *testing.B) {
	r := newRig(b, nil)
	r.book.Publish(edge, large(10))
	for b.Loop() {
		var proxies []*testProxy
		for i := range 100 {
			p := r.connect(b, fmt.Sprintf("edge-%d", i))
			go p.follow()
			proxies = append(proxies, p)
		}
		r.acked(b, 100, 1)
		for _, p := range proxies {
			p.close()
		}
		await(b, "the proxies are gone", r.changed, func() bool { return len(r.book.Progress(edge).Proxies) == 0 })
	}
}
