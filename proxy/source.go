// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/admin"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// Source is where config comes from. It is told nothing of connections.
type Source interface {
	// Run puts config into service until ctx ends: at once what is known from
	// before, and then what is new. What is served stays when it returns.
	Run(ctx context.Context)
	// Recheck says that the plane's refusals have changed by themselves. It does
	// not block, and may be called at any time.
	Recheck()
	// Settled says what is still missing of what the source has to say; nil: the
	// proxy serves all of it, as far as it can.
	Settled() error
	// Handler answers on the admin port.
	Handler() http.Handler
}

// Host is what a Source finds in its proxy.
type Host struct {
	Plane apply.Plane
	// Identities that listeners may refer to. Those of a config are there before it is
	// put into service.
	Identities *tlsconf.Store
	Metrics    *prometheus.Registry // of what /metrics shows, the data plane's among it
	Draining   func() bool          // the proxy is on its way out
	Active     func() int           // connections being served
	Drain      func()               // has the proxy drain, as Options.Drain does
	End        func()               // ends all connections at once, and Run with an error
	Log        *slog.Logger
}

var errNoConfig = errors.New("the controller has not sent a config yet, and none was saved")

// pushed makes the source that is the controller of a fleet.
func pushed(config apply.Options) func(Host) Source {
	return func(h Host) Source {
		config.Plane, config.Log = h.Plane, h.Log
		f := &follower{client: apply.New(config), host: h}
		h.Metrics.MustRegister(admin.NewCollector(f.client.Status))
		return f
	}
}

// follower is a Source that follows a controller.
type follower struct {
	client *apply.Client
	host   Host
}

// Run serves what was good last without waiting for anybody, and then follows.
func (f *follower) Run(ctx context.Context) {
	f.client.Restore()
	f.client.Run(ctx)
}

func (f *follower) Recheck() { f.client.Recheck() }

// Settled: a config, however old, is what there is to serve, unless part of it waits for
// the controller: keys are not saved, and the process before has them.
func (f *follower) Settled() error {
	s := f.client.Status()
	switch {
	case s.Config == nil:
		return errNoConfig
	case s.Source == apply.SourceController:
		return nil
	}
	for _, r := range s.Refused {
		if r.GetReason() == pushv1.RefusalReason_REFUSAL_REASON_INVALID {
			return fmt.Errorf("the controller has not sent a config yet, and the saved one is not served whole: %s", r.GetMessage())
		}
	}
	return nil
}

func (f *follower) Handler() http.Handler {
	return admin.Handler(admin.Options{
		Status:   f.client.Status,
		Draining: f.host.Draining,
		Active:   f.host.Active,
		Metrics:  f.host.Metrics,
		Log:      f.host.Log,
	})
}
