// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apply keeps a proxy on the newest config of its fleet. In come the
// controller's updates, over one stream that is opened again whenever it breaks,
// and, at the start, the config saved last. Out go whole configs to the data
// plane, acknowledgements to the controller, and each good config to the disk.
// A controller that is away or a file that is broken changes nothing that is
// served: only an update that says so takes anything out of service.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// savedName is the file of the last good config in Options.StateDir.
const savedName = "config.wye"

// Plane is the data plane.
type Plane interface {
	// Install makes config what is served, resource by resource, and returns
	// the refusals that are then in force. Of a refused resource the form that
	// served before stays. It may keep config, and changes nothing in it.
	Install(config *pushv1.Config) []*pushv1.Refusal
	// Refusals are those in force now, in a steady order. Safe to call at any time.
	Refusals() []*pushv1.Refusal
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

// Source is where the config came from that is served.
type Source string

// Sources of a config.
const (
	SourceNone       Source = "none"
	SourceDisk       Source = "disk"
	SourceBootstrap  Source = "bootstrap"
	SourceController Source = "controller"
)

// Status says what is served, and what is known about the controller.
type Status struct {
	Source  Source
	Config  *pushv1.Config // not to be changed; nil when there is none
	Refused []*pushv1.Refusal

	Connected bool      // the controller has taken the session
	Since     time.Time // of the last change of Connected, or the start
	Away      error     // why there is no session; nil when Connected

	Saved     uint64 // generation on the disk, 0 when nothing was written
	SaveError error  // of the last write, nil when it went well
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

// Restore puts the newest saved config into service, if there is one. A file
// that cannot be used is reported in the log and passed over.
func (c *Client) Restore() {
	disk := c.load(c.savedFile(), SourceDisk)
	bootstrap := c.load(c.options.Bootstrap, SourceBootstrap)
	switch {
	case disk == nil && bootstrap == nil:
		c.options.Log.Info("no saved config; waiting for the controller")
	case disk == nil || bootstrap.GetGeneration() > disk.GetGeneration():
		c.restore(bootstrap, SourceBootstrap)
	default:
		c.restore(disk, SourceDisk)
	}
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

// Status says how things are now.
func (c *Client) Status() Status {
	c.mu.Lock()
	s := c.status
	c.mu.Unlock()
	s.Saved, s.SaveError = c.saver.Saved()
	s.Refused = c.options.Plane.Refusals()
	return s
}

// follow opens session after session until ctx ends.
func (c *Client) follow(ctx context.Context) {
	defer c.leave()
	for failures := 0; ; failures++ {
		err := c.runSession(ctx)
		if ctx.Err() != nil {
			return
		}
		if c.away(err) {
			failures = 0
		}
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

// restore serves a config that was saved.
func (c *Client) restore(config *pushv1.Config, source Source) {
	c.state = state{config: config}
	c.good = config
	c.install(config, source)
}

// connected records that a session stands.
func (c *Client) connected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.Connected {
		return
	}
	c.status.Connected, c.status.Since, c.status.Away = true, time.Now(), nil
	c.options.Log.Info("connected to the controller", "controller", c.options.Controller)
}

// away records that no session stands, and why. It tells whether one stood long
// enough for the attempts before it to be forgotten.
func (c *Client) away(err error) (stood bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.status.Connected
	stood = was && time.Since(c.status.Since) >= mostPause
	if was || c.status.Away.Error() != err.Error() {
		c.options.Log.Warn("controller away; what is served stays as it is", "controller", c.options.Controller, "error", err)
	}
	if was {
		c.status.Connected, c.status.Since = false, time.Now()
	}
	c.status.Away = err
	return stood
}

// leave records that the session was ended from this side.
func (c *Client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Connected, c.status.Since, c.status.Away = false, time.Now(), errors.New("shutting down")
}

// hello opens a session.
func (c *Client) hello() *pushv1.Hello {
	return &pushv1.Hello{
		Namespace:  c.options.Namespace,
		Fleet:      c.options.Fleet,
		Pod:        c.options.Pod,
		Version:    c.options.Version,
		Generation: c.state.config.GetGeneration(),
	}
}

// load reads a saved config, nil when there is none that can be used.
func (c *Client) load(file string, source Source) *pushv1.Config {
	if file == "" {
		return nil
	}
	config, err := load(file, c.fleet())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		c.options.Log.Warn("saved config not used", "source", string(source), "error", err)
		return nil
	}
	return config
}

// write saves config as the last good one.
func (c *Client) write(config *pushv1.Config) error {
	data, err := pushv1.EncodeSaved(c.fleet(), config)
	if err != nil {
		return err
	}
	if err := writeFile(c.savedFile(), data); err != nil {
		return fmt.Errorf("save config: %w", err)
	}
	return nil
}

// savedFile is where the last good config is kept, empty when it is not.
func (c *Client) savedFile() string {
	if c.options.StateDir == "" {
		return ""
	}
	return filepath.Join(c.options.StateDir, savedName)
}

// fleet names the fleet, "NAMESPACE/NAME".
func (c *Client) fleet() string { return c.options.Namespace + "/" + c.options.Fleet }
