// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apply keeps a proxy on the newest config of its fleet. In come the
// controller's updates, over one stream that is opened again whenever it breaks,
// and, at the start, the config saved last. Out go whole configs to the data
// plane, acknowledgements and reports that it asks for to the controller, and
// each good config to the disk.
// A controller that is away or a file that is broken changes nothing that is
// served: only an update that says so takes anything out of service.
package apply

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Plane is the data plane.
type Plane interface {
	// Install makes config what is served, resource by resource, and returns
	// the refusals that are then in force. Of a refused resource the form that
	// served before stays. It may keep config, and changes nothing in it.
	Install(config *pushv1.Config) []*pushv1.Refusal
	// Refusals are those in force now, in a steady order. Safe to call at any time.
	Refusals() []*pushv1.Refusal
	// Report says what the connections of the named routes did, of those that are
	// served. Safe to call at any time.
	Report(routes []string) []*pushv1.RouteReport
}

// Options of a Client.
type Options struct {
	// Controller is where config comes from, "HOST:PORT". Empty: nowhere, and
	// only a saved config is served.
	Controller string
	// ServerName is the name that the controller's certificate must bear.
	ServerName string
	// CAFile holds the PEM certificates that vouch for the controller, TokenFile
	// the token that vouches for this proxy. Both are read for each session.
	CAFile, TokenFile string

	Namespace, Fleet string // of the ProxyFleet
	Pod              string // this proxy's name in its fleet
	Version          string // this proxy's version

	// StateDir holds the last good config. Empty: it is not saved.
	StateDir string
	// Bootstrap is a saved config that is served at the start if StateDir has
	// none that is newer. Empty: none.
	Bootstrap string

	Plane Plane
	Log   *slog.Logger
}

// Client keeps one proxy on its controller's newest config.
type Client struct {
	options Options
	saver   *saver
	recheck chan struct{} // holds one value when refusals may have changed

	// state and good belong to Restore and then to Run.
	state state
	good  *pushv1.Config // the config to come back to

	mu     sync.Mutex
	status Status // guarded by mu
}

// New makes a client that has nothing yet.
func New(o Options) *Client {
	c := &Client{
		options: o,
		recheck: make(chan struct{}, 1),
		status:  Status{Source: SourceNone, Since: time.Now(), Away: errors.New("not connected yet")},
	}
	if o.Controller == "" {
		c.status.Away = errors.New("no controller given")
	}
	c.saver = newSaver(c.write, o.Log)
	return c
}

// Run follows the controller until ctx ends, whatever happens to it, and then
// saves what is not saved yet.
func (c *Client) Run(ctx context.Context) {
	stop := make(chan struct{})
	var saving sync.WaitGroup
	saving.Go(func() { c.saver.Run(stop) })
	defer saving.Wait()
	defer close(stop)

	if c.options.Controller == "" {
		<-ctx.Done()
		return
	}
	c.follow(ctx)
}

// Recheck has the controller told if the data plane's refusals have changed.
// It does not block.
func (c *Client) Recheck() {
	select {
	case c.recheck <- struct{}{}:
	default:
	}
}

// follow opens session after session until ctx ends.
func (c *Client) follow(ctx context.Context) {
	defer c.leave()
	for failures := 0; ; failures++ {
		err := c.runSession(ctx)
		if ctx.Err() != nil {
			return
		}
		stood := c.away(err)
		failures = counted(failures, stood, err)
		select {
		case <-time.After(pause(failures)):
		case <-ctx.Done():
			return
		}
	}
}

// install puts config into service, has it saved, and returns the refusals.
func (c *Client) install(config *pushv1.Config, source Source) []*pushv1.Refusal {
	refused := c.options.Plane.Install(config)
	c.good = lastGood(config, c.good, refused)

	c.mu.Lock()
	c.status.Source, c.status.Config = source, config
	c.mu.Unlock()

	c.options.Log.Info("config in service", "source", string(source), "generation", config.GetGeneration(),
		"listeners", len(config.GetListeners()), "routes", len(config.GetRoutes()), "pools", len(config.GetPools()),
		"refused", len(refused))
	c.logRefused(refused)
	if source == SourceController && c.options.StateDir != "" {
		c.saver.Save(c.good)
	}
	return refused
}

// logRefused says what of the config is not served.
func (c *Client) logRefused(refused []*pushv1.Refusal) {
	for _, r := range refused {
		c.options.Log.Warn("resource refused", "kind", r.GetResource().GetKind().String(), "name", r.GetResource().GetName(),
			"reason", r.GetReason().String(), "message", r.GetMessage())
	}
}

// hello opens a session.
func (c *Client) hello() *pushv1.Hello {
	return &pushv1.Hello{
		Namespace:  c.options.Namespace,
		Fleet:      c.options.Fleet,
		Pod:        c.options.Pod,
		Version:    c.options.Version,
		Generation: c.state.config.GetGeneration(),
		Reports:    true,
	}
}

// fleet names the fleet, "NAMESPACE/NAME".
func (c *Client) fleet() string { return c.options.Namespace + "/" + c.options.Fleet }
