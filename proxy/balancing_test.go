// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/test/ports"
)

func TestAProxyKeepsToItsZone(t *testing.T) {
	w := newWorld(t)
	w.options.Zone = "north"
	w.run(t)
	here, there, port := backend(t, "here"), backend(t, "there"), uint32(ports.Free(t))
	here.Zones, there.Zones = []string{"north"}, []string{"south", "east"}
	update := config(1, "a", port, there)
	s := w.Next(t)
	s.Push(t, update)
	reach(t, port, "there") // nobody is meant for the north

	update.Pools[0].Endpoints = append(update.Pools[0].Endpoints, here)
	update.Generation = 2
	s.Push(t, update)
	for range 20 {
		reach(t, port, "here")
	}
}

func TestAnEndpointThatIsPushedLaterStartsSlowly(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	one, two, port := backend(t, "one"), backend(t, "two"), uint32(ports.Free(t))
	update := config(1, "a", port, one)
	update.Pools[0].Settings = &pushv1.PoolSettings{Balancing: &pushv1.Balancing{
		Policy: pushv1.BalancingPolicy_BALANCING_POLICY_ROUND_ROBIN, SlowStart: durationpb.New(24 * time.Hour),
	}}
	s := w.Next(t)
	s.Push(t, update)
	reach(t, port, "one")
	update.Pools[0].Endpoints = append(update.Pools[0].Endpoints, two)
	update.Generation = 2
	s.Push(t, update)
	counts := map[string]int{}
	for range 110 { // every other turn is that of two, of which it takes a tenth
		c, err := dial(t, port)
		if err != nil {
			t.Fatal(err)
		}
		name, err := c.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		counts[name]++
		c.Close()
	}
	if n := counts["two\n"]; n < 9 || n > 11 {
		t.Errorf("the new endpoint had %d of 110 connections, want about 10", n)
	}
}
