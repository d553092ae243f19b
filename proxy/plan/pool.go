// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
)

// Pool is the endpoints of an arm, and how they are used.
type Pool struct {
	*balancer.Pool
	Reach

	// Check of its endpoints; nil: there is none.
	Check *Check

	settings *pushv1.PoolSettings // that it was made of
}

// maxReady bounds the connections that are kept ready for a pool.
const maxReady = 1000

// pool reads a pool. What has not changed is taken over from before, which may be nil.
func (b *building) pool(p *pushv1.Pool) (*Pool, error) {
	name := p.GetName()
	form, err := b.form(p)
	if _, double := b.plan.Pools[name]; double {
		err = fmt.Errorf("pool %q is there twice", name)
	} else if name == "" {
		err = fmt.Errorf("a pool of %d endpoints has no name", len(p.GetEndpoints()))
	}
	if err != nil {
		return nil, err
	}
	reach, err := b.reach(name, p.GetSettings())
	if err != nil {
		return nil, err
	}
	if n := p.GetSettings().GetMinConnections(); reach.Plain() && form.Policy != balancer.ConsistentHash {
		form.MinConnections = int(min(n, maxReady))
	}
	before := b.oldPool(name)
	if before == nil {
		before = &Pool{}
	} else if before.Has(form.Targets) && before.TLS == reach.TLS && proto.Equal(before.settings, p.GetSettings()) {
		return before, nil
	}
	check, err := check(p.GetSettings().GetHealthCheck())
	if err != nil {
		return nil, err
	}
	return &Pool{
		Check:    check,
		Pool:     balancer.NewPool(form, before.Pool),
		Reach:    reach,
		settings: proto.CloneOf(p.GetSettings()),
	}, nil
}
