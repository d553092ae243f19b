// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-dev/wye/controllers/observe"
	"github.com/wye-dev/wye/test/kube"
)

// observed plays proxies: of route redis they have opened nine connections to one
// arm for each one to the other, and of route quiet none. Others are not served.
type observed struct {
	more *atomic.Uint64 // connections to each arm, beside those; nil for none
}

func (o observed) Observe(_ context.Context, _, name string) ([]observe.Route, error) {
	var more uint64
	if o.more != nil {
		more = o.more.Add(1)
	}
	since := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	all := []observe.Route{{
		Name: "quiet", Fleet: "default/edge", Arms: []observe.Arm{{Name: "/#/io.l5d.fs/web"}}, Behind: []string{"edge-1"},
	}, {
		Name: "redis", Fleet: "default/edge", Departed: 7, Counted: 2, Since: &since,
		Arms: []observe.Arm{{Name: "redis1", Opened: 90 + more, Open: 12}, {Name: "redis2", Opened: 10 + more}},
		Silent: []string{
			"edge-3", "edge-4", "edge-5", "edge-6", "edge-7", "edge-8", "edge-9",
		},
	}}
	switch name {
	case "":
		return all, nil
	case "redis":
		return all[1:], nil
	case "moving":
		return []observe.Route{{
			Name: "moving", Fleet: "default/edge", Departed: 2, Stale: 7, Counted: 1, Since: &since,
			Arms: []observe.Arm{{Name: "/#/io.l5d.fs/old", Open: 5, Stale: 5}, {Name: "/#/io.l5d.fs/new", Opened: 3, Open: 4}},
		}}, nil
	case "away":
		return nil, errors.New("this controller\ndoes not lead")
	}
	return nil, nil
}

// startObserved serves it as a controller does, until t ends.
func startObserved(t testing.TB, o observed) (url string) {
	server := httptest.NewServer(observe.Handler(o))
	t.Cleanup(server.Close)
	return server.URL
}

// status -w asks the proxies again and again, and shows what has changed.
func testWatchingProxies(t *testing.T, server *kube.Env) {
	const route = `{"apiVersion":"wye.dev/v1alpha1","kind":"TCPRoute","metadata":{"name":"redis"},"spec":{"fleetRef":{"name":"edge"},"port":1,"dst":"/a"}}`
	apply := server.Kubectl(t.Context(), "apply", "-f", "-")
	apply.Stdin = strings.NewReader(route)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	url := startObserved(t, observed{more: &atomic.Uint64{}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	status := exec.CommandContext(ctx, "kubectl-wye", "status", "redis", "-w", "-o", "json", "--controller-url", url, "--kubeconfig", server.Kubeconfig)
	stdout, err := status.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := status.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{`"opened":91,`, `"opened":92,`, `"opened":93,`} {
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Errorf("read %q, want %s (%v)", lines.Text(), want, lines.Err())
		}
	}
	cancel()
	_ = status.Wait() // it was killed
}
