// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// reconnecting is how long a controller that starts says nothing of a fleet that
// is not all there yet.
const reconnecting = 10 * time.Second

// However the controller ends, its successor takes over what was in force: the
// same generation, the same hash, and the same statuses, without a word that is
// taken back.
func TestControllerComesBack(t *testing.T) {
	for _, by := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(by.String(), func(t *testing.T) { testComeback(t, by) })
	}
}

func testComeback(t *testing.T, by syscall.Signal) {
	p := newPlace(t, 3)
	a, b := p.announce("a", p.serve("a")), p.announce("b", p.serve("b"))
	table := p.table("default", "/svc/echo => 1 * "+a+" & 0 * "+b)
	route, edge := p.route("echo", p.reserve(), "/svc/echo"), p.fleet("edge", 3)
	p.apply(table, route)
	p.expect(route, ready)
	p.expect(table, ready)
	p.follow().settle(time.Second)
	p.get(edge)
	before := edge.Status

	j := p.follow()
	p.restartController(by)
	began := time.Now()
	p.leadsTo(route.Spec.Port, "a")
	p.metric("wye_controller_proxies", 3, `state="connected"`)
	p.metric("wye_controller_proxies", 0, `state="lagging"`)
	j.settle(2 * time.Second)
	for _, e := range j.entries {
		if e.at.Before(began.Add(reconnecting)) {
			t.Errorf("%s after the controller was started again, %T says %+v", e.at.Sub(began), e.object, conditions(e.object))
		}
	}
	p.get(edge)
	if edge.Status.ConfigGeneration != before.ConfigGeneration || edge.Status.ConfigHash != before.ConfigHash {
		t.Errorf("generation %d (%s) became %d (%s)",
			before.ConfigGeneration, before.ConfigHash, edge.Status.ConfigGeneration, edge.Status.ConfigHash)
	}

	table = p.table("default", "/svc/echo => 0 * "+a+" & 1 * "+b)
	p.apply(table)
	p.expect(table, ready)
	p.leadsTo(route.Spec.Port, "b")
	p.get(edge)
	if got, want := edge.Status.ConfigGeneration, before.ConfigGeneration+1; got != want {
		t.Errorf("one change made generation %d of %d, want %d", got, before.ConfigGeneration, want)
	}
}

// What proxies kept in a directory that nobody asked for goes with the controller.
func TestATemporaryDirectoryIsRemovedAtTheEnd(t *testing.T) {
	p := newPlace(t, 1)
	w.temporary = t.TempDir()
	defer func() {
		w.temporary = ""
		p.restartController(syscall.SIGTERM)
		two := p.fleet("edge", 2)
		p.apply(two)
		p.expect(two, ready)
	}()
	p.restartController(syscall.SIGTERM)
	p.eventually(func() error { return within(w.temporary, 1, "wye-proxies-*", p.namespace, "wye-edge", "wye-edge-0") })
	if err := w.stopController(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := within(w.temporary, 0, "*"); err != nil {
		t.Error(err)
	}
}

// within says whether a directory has other than n files of a pattern.
func within(dir string, n int, pattern ...string) error {
	files, err := filepath.Glob(filepath.Join(append([]string{dir}, pattern...)...))
	if err == nil && len(files) != n {
		err = fmt.Errorf("%s has %q, want %d of %s", dir, files, n, filepath.Join(pattern...))
	}
	return err
}

// restartController ends the controller, and with it the proxies, and starts it
// again.
func (p *place) restartController(by syscall.Signal) {
	p.Helper()
	if err := w.stopController(by); err != nil {
		p.Error(err)
	}
	if err := w.startController(); err != nil {
		p.Fatal(err)
	}
}
