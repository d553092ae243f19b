// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/proxy/router"
	"github.com/wye-dev/wye/proxy/socket"
)

// Limits of a route's tree. Bound trees of real tables are far below.
const (
	maxDepth = 100
	maxNodes = 4096
)

// route reads a route, whose listener and pools must be in the plan.
func (b *building) route(r *pushv1.Route) (*Route, error) {
	if err := b.place(r); err != nil {
		return nil, err
	}
	timeouts, err := timeouts(r.GetTimeouts())
	if err != nil {
		return nil, err
	}
	redistribute, err := redistribute(r.GetOnUnavailable())
	if err != nil {
		return nil, err
	}
	if err := socket.CheckCongestionControl(r.GetCongestionControl()); err != nil {
		return nil, err
	}
	migration, err := migration(r.GetMigration())
	if err != nil {
		return nil, err
	}
	before := b.old.Routes[r.GetName()]
	if before != nil && r.GetHash() != "" && before.Hash == r.GetHash() && b.havePools(before) && b.trusts(before) {
		return before.with(b.plan.Pools).migrating(migration), nil
	}
	next := &Route{
		Name:              r.GetName(),
		Listener:          r.GetListener(),
		Hash:              r.GetHash(),
		Timeouts:          timeouts,
		Redistribute:      redistribute,
		CongestionControl: r.GetCongestionControl(),
		Migration:         migration,
		BytesPerSecond:    r.GetLimits().GetBytesPerSecond(),
		Hostnames:         slices.Clone(r.GetHostnames()),
		protocols:         slices.Clone(r.GetMatchProtocols()),
	}
	if err := checkNames(next.Hostnames, next.protocols); err != nil {
		return nil, err
	}
	if next.Guard, err = guarded(r, before); err != nil {
		return nil, err
	}
	if err := b.endTLS(next, r.GetTls()); err != nil {
		return nil, err
	}
	if next.Chooser, err = chooser(r); err != nil {
		return nil, err
	}
	for _, arm := range next.Chooser.Arms() {
		pool := b.plan.Pools[arm.Pool]
		if pool == nil {
			return nil, fmt.Errorf("arm %q goes to pool %q, which is not there", arm.Arm, arm.Pool)
		}
		next.Pools = append(next.Pools, pool)
	}
	return next, nil
}

// place checks that the route has a name of its own and a listener.
func (b *building) place(r *pushv1.Route) error {
	if r.GetName() == "" {
		return fmt.Errorf("the route on listener %q has no name", r.GetListener())
	}
	if b.plan.Routes[r.GetName()] != nil {
		return fmt.Errorf("route %q is there twice", r.GetName())
	}
	if b.plan.Listeners[r.GetListener()] == nil {
		return fmt.Errorf("listener %q is not there", r.GetListener())
	}
	return nil
}

func (b *building) havePools(r *Route) bool {
	for _, p := range r.Pools {
		if b.plan.Pools[p.Name()] == nil {
			return false
		}
	}
	return true
}

func chooser(r *pushv1.Route) (*router.Chooser, error) {
	nodes := 0
	tree, err := tree(r.GetTree(), 1, &nodes)
	if err != nil {
		return nil, err
	}
	shares, err := router.Flatten(tree)
	if err != nil {
		return nil, err
	}
	return split(r.GetSplitting(), shares)
}

// tree reads a tree from the wire. nodes counts those read so far.
func tree(t *pushv1.Tree, depth int, nodes *int) (dtab.Tree[router.Leaf], error) {
	if *nodes++; *nodes > maxNodes {
		return dtab.Tree[router.Leaf]{}, fmt.Errorf("the tree has more than %d nodes", maxNodes)
	}
	if depth > maxDepth {
		return dtab.Tree[router.Leaf]{}, fmt.Errorf("the tree is more than %d levels deep", maxDepth)
	}
	switch k := t.GetKind().(type) {
	case *pushv1.Tree_Neg:
		return dtab.Tree[router.Leaf]{Kind: dtab.Neg}, nil
	case *pushv1.Tree_Fail:
		return dtab.Tree[router.Leaf]{Kind: dtab.Fail}, nil
	case *pushv1.Tree_Empty:
		return dtab.Tree[router.Leaf]{Kind: dtab.Empty}, nil
	case *pushv1.Tree_Leaf:
		leaf := router.Leaf{Arm: k.Leaf.GetArm(), Pool: k.Leaf.GetPool()}
		return dtab.Tree[router.Leaf]{Kind: dtab.Leaf, Leaf: leaf}, nil
	case *pushv1.Tree_Alt:
		alt := make([]*pushv1.Weighted, len(k.Alt.GetTrees()))
		for i, c := range k.Alt.GetTrees() {
			alt[i] = &pushv1.Weighted{Weight: 1, Tree: c}
		}
		return branch(dtab.Alt, alt, depth, nodes)
	case *pushv1.Tree_Union:
		return branch(dtab.Union, k.Union.GetTrees(), depth, nodes)
	default:
		return dtab.Tree[router.Leaf]{}, errors.New("the tree has a node without a kind, or of one that this version does not know")
	}
}

func branch(kind dtab.Kind, children []*pushv1.Weighted, depth int, nodes *int) (dtab.Tree[router.Leaf], error) {
	t := dtab.Tree[router.Leaf]{Kind: kind}
	for _, c := range children {
		child, err := tree(c.GetTree(), depth+1, nodes)
		if err != nil {
			return t, err
		}
		t.Children = append(t.Children, dtab.Weighted[router.Leaf]{Weight: c.GetWeight(), Tree: child})
	}
	return t, nil
}

func timeouts(t *pushv1.Timeouts) (Timeouts, error) {
	connect, err := duration("connect timeout", t.GetConnect(), DefaultConnect)
	if err != nil {
		return Timeouts{}, err
	}
	if connect == 0 {
		return Timeouts{}, errors.New("connect timeout is 0, which leaves no time to connect")
	}
	idle, err := duration("idle timeout", t.GetIdle(), DefaultIdle)
	if err != nil {
		return Timeouts{}, err
	}
	lifetime, err := duration("lifetime", t.GetLifetime(), 0)
	if err != nil {
		return Timeouts{}, err
	}
	attempt, err := duration("timeout of one attempt to connect", t.GetAttempt(), 0)
	if err != nil {
		return Timeouts{}, err
	}
	return Timeouts{Connect: connect, Idle: idle, Lifetime: lifetime, Attempt: attempt}, nil
}

func duration(what string, d *durationpb.Duration, unset time.Duration) (time.Duration, error) {
	if d == nil {
		return unset, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if d.AsDuration() < 0 {
		return 0, fmt.Errorf("%s %s is negative", what, d.AsDuration())
	}
	return d.AsDuration(), nil
}

func redistribute(o pushv1.OnUnavailable) (bool, error) {
	switch o {
	case pushv1.OnUnavailable_ON_UNAVAILABLE_UNSPECIFIED, pushv1.OnUnavailable_ON_UNAVAILABLE_REFUSE:
		return false, nil
	case pushv1.OnUnavailable_ON_UNAVAILABLE_REDISTRIBUTE:
		return true, nil
	default:
		return false, fmt.Errorf("on_unavailable is %d, which this version does not know", o)
	}
}
