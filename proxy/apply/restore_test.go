// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"os"
	"path/filepath"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/pushtest"
)

func TestSavedConfigIsServedWithoutAController(t *testing.T) {
	p, c := connect(t)
	c.Next(t).Push(t, full(5))
	p.wait(t, "saved", func(s apply.Status) bool { return s.Saved == 5 })
	c.Stop()

	again := &proxy{plane: &plane{}, options: p.options}
	again.options.Plane = again.plane
	again.start(t)
	again.serves(t, apply.SourceDisk, config(5))
}

func TestWhatIsNotSavedYetIsSavedAtTheEnd(t *testing.T) {
	var c *pushtest.Controller
	p := prepare(t, func(a *pushtest.Authority) string {
		c = pushtest.Start(t, "127.0.0.1:0", a)
		return c.Addr
	})
	stop := p.start(t)
	s := c.Next(t)
	for n := uint64(1); n <= 9; n++ { // faster than one write a second
		s.Push(t, full(n))
	}
	stop()
	if got := p.Status(); got.Saved != 9 || got.SaveError != nil || got.Connected {
		t.Errorf("after the end: %+v; want generation 9 saved, and not connected", got)
	}
}

func TestNewestOfDiskAndBootstrapIsServed(t *testing.T) {
	tests := []struct {
		name            string
		disk, bootstrap []byte
		source          apply.Source
		want            *pushv1.Config
	}{
		{"none", nil, nil, apply.SourceNone, nil},
		{"disk", saved(t, 1), nil, apply.SourceDisk, config(1)},
		{"bootstrap", nil, saved(t, 1), apply.SourceBootstrap, config(1)},
		{"disk is newer", saved(t, 2), saved(t, 1), apply.SourceDisk, config(2)},
		{"bootstrap is newer", saved(t, 1), saved(t, 2), apply.SourceBootstrap, config(2)},
		{"the same", saved(t, 1), saved(t, 1), apply.SourceDisk, config(1)},
		{"disk is broken", saved(t, 2)[1:], saved(t, 1), apply.SourceBootstrap, config(1)},
		{"bootstrap has no listeners", nil, savedConfig(t, &pushv1.Config{Generation: 3}), apply.SourceNone, nil},
		{"both are broken", []byte("x"), []byte("y"), apply.SourceNone, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prepare(t, func(*pushtest.Authority) string { return "" })
			p.options.Bootstrap = filepath.Join(t.TempDir(), "bootstrap")
			if err := os.MkdirAll(p.options.StateDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if test.disk != nil {
				p.write(t, filepath.Join(p.options.StateDir, "config.wye"), test.disk)
			}
			if test.bootstrap != nil {
				p.write(t, p.options.Bootstrap, test.bootstrap)
			}
			p.start(t)
			p.serves(t, test.source, test.want)
		})
	}
}

// saved is a saved config of generation n.
func saved(t *testing.T, n uint64) []byte { return savedConfig(t, config(n)) }

func savedConfig(t *testing.T, c *pushv1.Config) []byte {
	t.Helper()
	data, err := pushv1.EncodeSaved("ns/edge", c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStateDirThatCannotBeWrittenStopsNothing(t *testing.T) {
	var c *pushtest.Controller
	p := prepare(t, func(a *pushtest.Authority) string {
		c = pushtest.Start(t, "127.0.0.1:0", a)
		return c.Addr
	})
	p.options.StateDir = filepath.Join(p.options.TokenFile, "a file is in the way")
	p.start(t)
	c.Next(t).Push(t, full(1))
	p.wait(t, "the failure is told", func(s apply.Status) bool { return s.SaveError != nil })
	p.serves(t, apply.SourceController, config(1))
}
