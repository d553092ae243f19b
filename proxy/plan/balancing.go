// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
)

// form reads what the balancer has to know of a pool.
func (b *building) form(p *pushv1.Pool) (balancer.Form, error) {
	balancing := p.GetSettings().GetBalancing()
	targets, err := b.targets(p.GetEndpoints())
	if err != nil {
		return balancer.Form{}, err
	}
	policy, err := policy(balancing.GetPolicy())
	if err != nil {
		return balancer.Form{}, err
	}
	slowStart, err := duration("slow start", balancing.GetSlowStart(), 0)
	if err != nil {
		return balancer.Form{}, err
	}
	if slowStart > 0 && policy == balancer.ConsistentHash {
		return balancer.Form{}, errors.New("a consistent hash has no slow start")
	}
	guard, err := b.guard(p.GetSettings())
	if err != nil {
		return balancer.Form{}, err
	}
	return balancer.Form{
		Guard:       guard,
		Name:        p.GetName(),
		Targets:     targets,
		Policy:      policy,
		SlowStart:   slowStart,
		IgnoreZones: balancing.GetIgnoreZones(),
		Now:         b.Now,
	}, nil
}

func policy(p pushv1.BalancingPolicy) (balancer.Policy, error) {
	switch p {
	case pushv1.BalancingPolicy_BALANCING_POLICY_UNSPECIFIED, pushv1.BalancingPolicy_BALANCING_POLICY_P2C:
		return balancer.P2C, nil
	case pushv1.BalancingPolicy_BALANCING_POLICY_ROUND_ROBIN:
		return balancer.RoundRobin, nil
	case pushv1.BalancingPolicy_BALANCING_POLICY_LEAST_CONNECTIONS:
		return balancer.LeastConnections, nil
	case pushv1.BalancingPolicy_BALANCING_POLICY_CONSISTENT_HASH:
		return balancer.ConsistentHash, nil
	default:
		return 0, fmt.Errorf("the balancing policy is %d, which this version does not know", p)
	}
}

// targets reads the endpoints of a pool.
func (b *building) targets(endpoints []*pushv1.Endpoint) ([]balancer.Target, error) {
	targets := make([]balancer.Target, 0, len(endpoints))
	for i, e := range endpoints {
		ip, err := netip.ParseAddr(e.GetAddress())
		switch {
		case err != nil:
			return nil, fmt.Errorf("address %q of endpoint %d is not an IP address", e.GetAddress(), i)
		case ip.Zone() != "":
			return nil, fmt.Errorf("address %q of endpoint %d has a zone", e.GetAddress(), i)
		case e.GetPort() < 1 || e.GetPort() > 65535:
			return nil, fmt.Errorf("port %d of endpoint %s is not in 1 to 65535", e.GetPort(), ip)
		}
		weight := e.GetWeight()
		if weight == 0 {
			weight = 1
		}
		if math.IsNaN(weight) || math.IsInf(weight, 0) || weight < 0 {
			return nil, fmt.Errorf("weight %v of endpoint %s is not a finite number above 0", e.GetWeight(), ip)
		}
		addr := netip.AddrPortFrom(ip.Unmap(), uint16(e.GetPort()))
		targets = append(targets, balancer.Target{Addr: addr, Weight: weight, Hint: b.hint(e.GetZones())})
	}
	return targets, nil
}

// hint says what the zones that an endpoint is meant for are to this proxy. One that
// does not know its zone is in none.
func (b *building) hint(zones []string) balancer.Hint {
	switch {
	case len(zones) == 0:
		return balancer.Unhinted
	case b.Zone != "" && slices.Contains(zones, b.Zone):
		return balancer.Here
	default:
		return balancer.Elsewhere
	}
}
