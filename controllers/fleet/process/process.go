// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process runs a fleet as child processes of the controller, where there
// is no kubelet. Apply states what should run, the loop in Start makes it so,
// Observe says what runs. The children of a fleet share its ports (--share-ports),
// and end with the controller, however it ends.
package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

// tick is how often the loop looks for tokens to renew.
const tick = time.Second

// Options are what all fleets have in common.
type Options struct {
	Binary     string // path of wye-proxy
	Dir        string // where children keep their state; tokens are in it
	Controller string // HOST:PORT of the config push service
	// Bind is the address of the listeners. All fleets share it, so that a port
	// can be of one fleet only. 127.0.0.1 when empty.
	Bind string
	// Output gets what the children write, line by line after their names.
	// Standard error when nil.
	Output io.Writer
	// RestartDelay is how long a child that ended stays away. It doubles with
	// each end that follows soon, up to half a minute. 500 ms when 0.
	RestartDelay time.Duration
	// KillGrace is how long after its drain deadline a child is killed. 5 s when 0.
	KillGrace time.Duration
}

// Runtime runs fleets as child processes. Start it on the leader only.
type Runtime struct {
	options  Options
	identity Identity
	ca       func() []byte
	changed  func(types.NamespacedName)
	log      logr.Logger
	output   *output
	starter  starter
	wake     chan struct{} // holds a token when the loop has something to do

	mu     sync.Mutex
	fleets map[types.NamespacedName]*group
}

var _ fleet.Runtime = (*Runtime)(nil)

// New makes a Runtime. ca is the PEM bundle that proxies trust for config push;
// when it changes, every fleet should be applied again. changed is called with a
// fleet of which a child started, ended or changed its readiness; it must not block.
func New(options Options, identity Identity, ca func() []byte, changed func(types.NamespacedName), log logr.Logger) *Runtime {
	if options.Bind == "" {
		options.Bind = "127.0.0.1"
	}
	if options.Output == nil {
		options.Output = os.Stderr
	}
	if options.RestartDelay == 0 {
		options.RestartDelay = 500 * time.Millisecond
	}
	if options.KillGrace == 0 {
		options.KillGrace = 5 * time.Second
	}
	return &Runtime{
		options:  options,
		identity: identity,
		ca:       ca,
		changed:  changed,
		log:      log,
		output:   &output{to: options.Output},
		starter:  make(starter),
		wake:     make(chan struct{}, 1),
		fleets:   map[types.NamespacedName]*group{},
	}
}

// Apply writes what the fleet's proxies need to connect, and states how many
// should run. Start does the rest.
func (r *Runtime) Apply(ctx context.Context, f *v1alpha1.ProxyFleet, ports []int32) error {
	g, err := r.claim(f, ports)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of fleet %s/%s: %w", f.Namespace, f.Name, err)
	}
	ca := r.ca()
	if len(ca) == 0 {
		return fleet.ErrNoCA
	}
	if err := writeFile(filepath.Join(g.dir, caFile), ca); err != nil {
		return fmt.Errorf("write the CA of fleet %s/%s: %w", f.Namespace, f.Name, err)
	}
	if err := r.freshToken(ctx, f, g); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	g.wanted, g.flags = int(fleet.Replicas(f)), r.flags(f, g.dir)
	r.nudge()
	return nil
}

// Delete drains the children of a fleet that is gone, and then removes its directory.
func (r *Runtime) Delete(_ context.Context, key types.NamespacedName) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.fleets[key]; g != nil {
		g.gone, g.wanted, g.ports, g.renewAt = true, 0, nil, time.Time{}
		r.nudge()
	}
	return nil
}

// claim makes the fleet's group, if need be, and gives it the ports. From then on
// nobody removes its directory. It refuses ports that another fleet has: the
// kernel would share them between both, and connections would reach either.
func (r *Runtime) claim(f *v1alpha1.ProxyFleet, ports []int32) (*group, error) {
	key := types.NamespacedName{Namespace: f.Namespace, Name: f.Name}
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, g := range r.fleets {
		for _, port := range g.ports {
			if other != key && slices.Contains(ports, port) {
				return nil, fmt.Errorf("%w: port %d is used by fleet %s already, and fleets that run as processes share the address %s",
					fleet.ErrPortTaken, port, other, r.options.Bind)
			}
		}
	}
	g := r.fleets[key]
	if g == nil {
		g = &group{dir: filepath.Join(r.options.Dir, f.Namespace, fleet.Name(f.Name)), children: map[int]*child{}}
		r.fleets[key] = g
	}
	if g.fleet == nil || g.fleet.UID != f.UID {
		g.renewAt = time.Time{} // another fleet of the same name, another ServiceAccount
	}
	g.fleet, g.ports, g.gone = f.DeepCopy(), slices.Clone(ports), false
	return g, nil
}

// flags are those that the children of a fleet have in common.
func (r *Runtime) flags(f *v1alpha1.ProxyFleet, dir string) fleet.Flags {
	delay, deadline := fleet.Drain(f)
	return fleet.Flags{
		Controller:     r.options.Controller,
		ControllerName: fleet.ControllerName,
		Namespace:      f.Namespace,
		Fleet:          f.Name,
		CAFile:         filepath.Join(dir, caFile),
		TokenFile:      filepath.Join(dir, tokenFile),
		Bind:           r.options.Bind,
		SharePorts:     true,
		DrainDelay:     delay,
		DrainDeadline:  deadline,
	}
}

// nudge lets the loop look at the fleets again.
func (r *Runtime) nudge() {
	select {
	case r.wake <- struct{}{}:
	default: // it will already
	}
}
