// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

func TestUpdatesMoveConnectionsWithoutEndingAny(t *testing.T) {
	w := newWorld(t)
	r := w.run(t)
	r.shows(t, "/ready", "no config")
	one, two, port := backend(t, "one"), backend(t, "two"), uint32(ports.Free(t))

	s := w.Next(t)
	first := config(1, "a", port, one)
	if ack := s.Push(t, first); len(ack.GetRefused()) > 0 {
		t.Fatalf("refused: %v", ack)
	}
	r.shows(t, "/ready", "ready: generation 1 from controller, 0 refused")
	old := reach(t, port, "one")

	s.Push(t, &pushv1.Update{Generation: 2, Pools: []*pushv1.Pool{{Name: "/#/a", Endpoints: []*pushv1.Endpoint{two}}}})
	reach(t, port, "two")
	old.works(t)

	s.Push(t, &pushv1.Update{Generation: 3, Removed: []*pushv1.ResourceName{
		{Kind: pushv1.ResourceKind_RESOURCE_KIND_LISTENER, Name: first.GetListeners()[0].GetName()},
		{Kind: pushv1.ResourceKind_RESOURCE_KIND_ROUTE, Name: "ns/a"},
		{Kind: pushv1.ResourceKind_RESOURCE_KIND_POOL, Name: "/#/a"},
	}})
	shut(t, port)
	old.works(t)
	r.shows(t, "/config", `"generation": "3"`)
}

func TestControllerThatComesAndGoesChangesNothing(t *testing.T) {
	w := newWorld(t)
	r := w.run(t)
	one, two, port := backend(t, "one"), backend(t, "two"), uint32(ports.Free(t))
	w.Next(t).Push(t, config(1, "a", port, one))
	old := reach(t, port, "one")

	w.Stop()
	r.shows(t, "/metrics", "wye_proxy_controller_connected 0")
	reach(t, port, "one")

	// A controller that has just started cannot tell the route yet.
	s := pushtest.Start(t, w.Addr, w.authority).Next(t)
	s.Push(t, &pushv1.Update{Generation: 2, Full: true, Retained: []string{"ns/a"}})
	r.shows(t, "/metrics", "wye_proxy_controller_connected 1")
	reach(t, port, "one")

	s.Push(t, config(3, "a", port, two))
	reach(t, port, "two")
	old.works(t)
}

func TestTakenPortIsRefusedAndHealsByItself(t *testing.T) {
	w := newWorld(t)
	r := w.run(t)
	holder, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	taken, free := uint32(holder.Addr().(*net.TCPAddr).Port), uint32(ports.Free(t))

	update := config(1, "a", free, backend(t, "a"))
	other := config(1, "b", taken, backend(t, "b"))
	update.Listeners = append(update.Listeners, other.GetListeners()...)
	update.Routes = append(update.Routes, other.GetRoutes()...)
	update.Pools = append(update.Pools, other.GetPools()...)
	s := w.Next(t)
	refused := s.Push(t, update).GetRefused()
	if len(refused) != 1 || refused[0].GetReason() != pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE ||
		refused[0].GetResource().GetName() != fmt.Sprintf("tcp/%d", taken) {
		t.Fatalf("refused %v, want port %d", refused, taken)
	}
	r.shows(t, "/metrics", "wye_proxy_config_refused 1")
	reach(t, free, "a")

	holder.Close()
	if diff := cmp.Diff(&pushv1.Ack{Generation: 1}, s.Ack(t), protocmp.Transform()); diff != "" {
		t.Errorf("ack once the port is free (-want +got):\n%s", diff)
	}
	reach(t, taken, "b")
	r.shows(t, "/metrics", "wye_proxy_config_refused 0")
}

func TestInvalidRouteIsRefusedAndTheOthersServe(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	good, bad := uint32(ports.Free(t)), uint32(ports.Free(t))
	update := config(1, "a", good, backend(t, "a"))
	other := config(1, "b", bad, backend(t, "b"))
	update.Listeners = append(update.Listeners, other.GetListeners()...)
	update.Routes = append(update.Routes, other.GetRoutes()...) // and not its pool

	refused := w.Next(t).Push(t, update).GetRefused()
	want := &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_ROUTE, Name: "ns/b"}
	if len(refused) != 1 || refused[0].GetReason() != pushv1.RefusalReason_REFUSAL_REASON_INVALID {
		t.Fatalf("refused %v, want ns/b alone, as invalid", refused)
	}
	if diff := cmp.Diff(want, refused[0].GetResource(), protocmp.Transform()); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	reach(t, good, "a")
}

func TestRestartWithoutAControllerServesTheLastConfig(t *testing.T) {
	w := newWorld(t)
	r := w.run(t)
	port := uint32(ports.Free(t))
	w.Next(t).Push(t, config(7, "a", port, backend(t, "one")))
	w.Stop()
	r.drain()
	if err := r.wait(t); err != nil {
		t.Fatal(err)
	}

	r = w.run(t)
	r.shows(t, "/ready", "ready: generation 7 from disk, 0 refused")
	r.shows(t, "/metrics", `wye_proxy_config_info{source="disk"} 1`)
	reach(t, port, "one")
}

func TestDamagedSavedConfigIsNotServedAndStopsNothing(t *testing.T) {
	w := newWorld(t)
	r := w.run(t)
	port := uint32(ports.Free(t))
	w.Next(t).Push(t, config(7, "a", port, backend(t, "one")))
	w.Stop()
	r.drain()
	if err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.options.Config.StateDir, "config.wye")
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	saved[len(saved)-1] ^= 0xff
	if err := os.WriteFile(file, saved, 0o600); err != nil {
		t.Fatal(err)
	}

	r = w.run(t)
	r.shows(t, "/ready", "no config: controller away since")
	shut(t, port)
	pushtest.Start(t, w.Addr, w.authority).Next(t).Push(t, config(8, "a", port, backend(t, "two")))
	reach(t, port, "two")
}

func TestDrainingProxyIsUnreadyAndGoesOnAccepting(t *testing.T) {
	w := newWorld(t)
	w.options.DrainDelay = time.Hour
	r := w.run(t)
	s, port, two := w.Next(t), uint32(ports.Free(t)), backend(t, "two")
	s.Push(t, config(1, "a", port, backend(t, "one")))
	old := reach(t, port, "one")

	r.drain()
	r.shows(t, "/ready", "draining: 1 connections are left")
	if code, _ := r.get(t, "/ready"); code != 503 {
		t.Errorf("/ready answers %d, want 503", code)
	}
	reach(t, port, "one")
	s.Push(t, config(2, "a", port, two)) // and goes on following
	reach(t, port, "two")

	r.hurry()
	if err := r.wait(t); err == nil {
		t.Error("a drain that was cut short is no success")
	}
	if _, err := old.lines.ReadString('\n'); err == nil {
		t.Error("the connection goes on")
	}
}

func TestDrainWaitsForConnections(t *testing.T) {
	w := newWorld(t)
	w.options.DrainDeadline = time.Hour
	r := w.run(t)
	port := uint32(ports.Free(t))
	w.Next(t).Push(t, config(1, "a", port, backend(t, "one")))
	old := reach(t, port, "one")

	r.drain()
	shut(t, port)
	old.works(t)
	r.shows(t, "/ready", "draining: 1 connections are left")
	old.Close()
	if err := r.wait(t); err != nil {
		t.Errorf("drain ends with %v", err)
	}
}

func TestDrainDeadlineEndsConnections(t *testing.T) {
	w := newWorld(t)
	r := w.run(t) // with no time to drain
	port := uint32(ports.Free(t))
	w.Next(t).Push(t, config(1, "a", port, backend(t, "one")))
	old := reach(t, port, "one")

	r.drain()
	if err := r.wait(t); err != nil {
		t.Errorf("drain ends with %v", err)
	}
	if _, err := io.ReadAll(old.lines); os.IsTimeout(err) {
		t.Error("the connection goes on")
	}
}
