// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package upstream finds the way of a connection to an endpoint: the arm, an
// endpoint of its pool, how long it may take to answer, and what comes after one
// that does not. An attempt that fails is followed by one to another endpoint,
// for as long as the connection's time to connect lasts; no endpoint is tried
// twice. It is the same whatever carries the steps out: it does no IO, is told
// the time, and never waits.
package upstream

import (
	"errors"
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/proxyproto"
	"github.com/wye-dev/wye/proxy/router"
	"github.com/wye-dev/wye/proxy/socket"
)

const (
	// attemptParts is how many attempts the time left is divided among at most,
	// so that an endpoint which does not answer leaves time for others.
	attemptParts = 3
	// attemptLeast is the time that an attempt gets in any case, while there is so much.
	attemptLeast = 100 * time.Millisecond
	// attemptsAtOnce may follow each other without a pause; between more, pause is
	// left, so that a large pool that is down is not searched in a burst per client.
	attemptsAtOnce = 3
	pause          = 50 * time.Millisecond
)

// Step is what comes next in a search.
type Step struct {
	// Outcome is not Open when the search is over, in vain.
	Outcome flow.Outcome
	// Dial is the endpoint to connect to, and Connected or Failed to be called
	// after that. The zero value: wait, and call Resume.
	Dial netip.AddrPort
	// Ready says that there is a connection to Dial already, FD, which is the driver's: it
	// uses it, or closes it and calls Stale if the endpoint has closed it.
	Ready bool
	FD    int
	// By is when to give up dialling, or when the wait is over.
	By time.Time
}

// Search is the search of one connection. The zero value is ready for Begin; it
// must not be copied after that.
type Search struct {
	// Lease of the endpoint that is being tried, or was reached.
	Lease balancer.Lease
	// Arm is where the connection counts. It is never nil after Begin.
	Arm *metrics.Arm
	// Dials made, of all arms together.
	Dials int
	// Err is what the system said to the last of them, if it failed.
	Err error

	metrics *metrics.Metrics
	Guest
	choice   int        // of the chooser's arms
	arms     router.Set // chosen so far
	began    time.Time  // when the arm was chosen
	before   int        // dials until then
	deadline time.Time  // of the arm
	warm     bool       // what is tried was ready
	waiting  bool       // counted among those that wait for an endpoint of the arm
	tried    []*balancer.Endpoint
	room     [4]*balancer.Endpoint // for tried
}

// Guest is a connection that looks for an endpoint.
type Guest struct {
	Listener string      // that accepted it
	Route    *plan.Route // nil: it has none
	Client   netip.AddrPort
	Accepted time.Time
	// Door of the route, if the client has knocked already. After Begin it is the one that
	// the client came through, and Leave must follow.
	Door Door
	// Proxied is the PROXY header that the connection began with; nil: it had none.
	Proxied *proxyproto.Header
}

// Begin lets a connection into its route, unless its guard says why not, chooses an arm
// for it, and counts it in m.
func (s *Search) Begin(m *metrics.Metrics, g Guest) Step {
	*s = Search{metrics: m, Guest: g}
	if g.Route == nil {
		s.Arm = m.Accept(g.Listener, "", "")
		return Step{Outcome: flow.NoRoute}
	}
	if g.Door == (Door{}) {
		var refusal flow.Outcome
		if s.Door, refusal = Knock(g.Route, g.Client.Addr()); refusal != flow.Open {
			s.Arm = m.Accept(g.Listener, g.Route.Name, "")
			return Step{Outcome: refusal}
		}
	}
	step := s.choose()
	if s.Door.audited(g.Client.Addr()) {
		s.Arm.Audited()
	}
	return step
}

// choose begins with the arm whose turn it is.
func (s *Search) choose() Step {
	choice := s.Route.Chooser.Next(s.Client.Addr())
	if choice == router.Nowhere {
		s.Arm = s.metrics.Accept(s.Listener, s.Route.Name, "")
		return Step{Outcome: flow.NoDestination}
	}
	return s.enter(choice, s.Accepted)
}

// Connected says that the endpoint was reached. The lease is opened, and the caller's.
func (s *Search) Connected(now time.Time) {
	s.Dials++
	s.Err = nil
	s.Lease.Reached(now)
	s.Lease.Opened()
	if s.warm {
		s.Arm.WasReady()
	}
	s.stopWaiting()
	s.Arm.Dialled(s.Dials - s.before)
	s.Arm.Connected(now.Sub(s.began))
}

// Failed says that the endpoint could not be reached.
func (s *Search) Failed(err error, now time.Time) Step {
	s.Dials++
	s.Err = err
	if handshake := (*HandshakeError)(nil); errors.As(err, &handshake) {
		s.Arm.HandshakeFailed()
	}
	if !socket.Lack(err) {
		s.Lease.Failed(now)
	}
	s.Lease.Release()
	s.warm = false
	others := s.Route.Pools[s.choice].Len() > len(s.tried)
	if others && len(s.tried) >= attemptsAtOnce && now.Before(s.deadline) {
		return Step{By: now.Add(min(pause, s.deadline.Sub(now)))}
	}
	return s.Resume(now)
}

// Resume goes on after a wait.
func (s *Search) Resume(now time.Time) Step {
	if !now.Before(s.deadline) {
		return s.leave(flow.ConnectTimeout, now)
	}
	return s.pick(now)
}

// Abandon ends a search that has not come to its end.
func (s *Search) Abandon() {
	s.Lease.Release()
	s.stopWaiting()
	s.Arm.Dialled(s.Dials - s.before)
}

// Reach is how the endpoint that is being tried is reached.
func (s *Search) Reach() *plan.Reach { return &s.Route.Pools[s.choice].Reach }

// Header tells the endpoint of the client: what a header has told of it, or how it
// connected, to an address that local finds out.
func (s *Search) Header(local func() netip.AddrPort) *proxyproto.Header {
	h := &proxyproto.Header{Source: s.Client}
	if s.Proxied != nil {
		h.Destination, h.TLVs = s.Proxied.Destination, s.Proxied.TLVs
	}
	if !h.Destination.IsValid() {
		h.Destination = local()
	}
	return h
}

// enter begins with an arm.
func (s *Search) enter(choice int, now time.Time) Step {
	s.choice, s.arms = choice, s.arms.With(choice)
	s.Arm = s.metrics.Accept(s.Listener, s.Route.Name, s.Route.Chooser.Arms()[choice].Arm)
	s.began, s.before = now, s.Dials
	s.tried = s.room[:0]
	s.deadline = s.connectBy()
	if s.Route.Redistribute && s.Route.Chooser.Left(s.arms) {
		s.deadline = now.Add(s.deadline.Sub(now) / 2) // the other half is for other arms
	}
	if s.waiting = s.Route.Pools[choice].Enter(); !s.waiting {
		return s.leave(flow.TooManyPending, now)
	}
	return s.pick(now)
}

// stopWaiting counts the connection out of those that wait for an endpoint of the arm.
func (s *Search) stopWaiting() {
	if s.waiting {
		s.waiting = false
		s.Route.Pools[s.choice].Leave()
	}
}

// Stale says that a connection which was ready is not good any more.
func (s *Search) Stale(now time.Time) Step {
	s.Lease.Release()
	s.warm = false
	return s.pick(now)
}

// ready takes a connection that waits for a client, if there is one. Those have the
// kernel's congestion control.
func (s *Search) ready(shelf *balancer.Shelf, now time.Time) (Step, bool) {
	if len(s.tried) > 0 || s.Route.CongestionControl != "" {
		return Step{}, false
	}
	r, ok := shelf.Take()
	if !ok {
		return Step{}, false
	}
	s.Lease, s.warm = r.Lease, true
	return Step{Ready: true, FD: r.FD, Dial: r.Lease.Endpoint().Addr(), By: now.Add(s.attempt(0, now))}, true
}

// pick takes the next endpoint of the arm.
func (s *Search) pick(now time.Time) Step {
	pool := s.Route.Pools[s.choice]
	if shelf := pool.Shelf(); shelf != nil {
		if step, ok := s.ready(shelf, now); ok {
			return step
		}
	}
	lease, ok := pool.Pick(balancer.Ask{Tried: s.tried, Client: s.Client.Addr(), Now: now})
	if !ok {
		return s.leave(exhausted(pool, len(s.tried)), now)
	}
	s.Lease = lease
	s.tried = append(s.tried, lease.Endpoint())
	return Step{Dial: lease.Endpoint().Addr(), By: now.Add(s.attempt(pool.Len()-len(s.tried), now))}
}

// exhausted is the outcome when so many endpoints of a pool have been tried and there
// is no other.
func exhausted(pool *plan.Pool, tried int) flow.Outcome {
	switch {
	case tried > 0:
		return flow.ConnectFailed
	case pool.Len() > 0:
		return flow.EndpointsFull
	default:
		return flow.NoEndpoints
	}
}

// attempt is the time for one attempt when others endpoints could be tried after it.
func (s *Search) attempt(others int, now time.Time) time.Duration {
	left := s.deadline.Sub(now)
	if limit := s.Route.Timeouts.Attempt; limit > 0 {
		return min(limit, left)
	}
	parts := time.Duration(min(others+1, attemptParts))
	return min(max(left/parts, attemptLeast), left)
}

// leave ends with an arm whose outcome it was, and begins with another where it may.
func (s *Search) leave(outcome flow.Outcome, now time.Time) Step {
	s.stopWaiting()
	s.Arm.Dialled(s.Dials - s.before)
	if !s.Route.Redistribute || !now.Before(s.connectBy()) {
		return Step{Outcome: outcome}
	}
	choice := s.Route.Chooser.Instead(s.arms, s.Client.Addr())
	if choice == router.Nowhere {
		return Step{Outcome: outcome}
	}
	s.Arm.Closed(flow.Redistributed)
	return s.enter(choice, now)
}

func (s *Search) connectBy() time.Time { return s.Accepted.Add(s.Route.Timeouts.Connect) }
