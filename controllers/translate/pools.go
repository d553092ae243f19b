// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
)

// poolOf is the pool of an arm, without its endpoints: the concrete name and how the
// route uses it. Routes that use a name alike share its pool.
func poolOf(spec v1alpha1.TCPRouteSpec, a Arm) *pushv1.Pool {
	p := &pushv1.Pool{Name: a.ID.String(), Settings: poolSettings(spec, a)}
	if p.Settings != nil {
		// As for routes, this cannot fail.
		bytes, _ := proto.MarshalOptions{Deterministic: true}.Marshal(p.Settings)
		sum := sha256.Sum256(bytes)
		p.Name += " " + hex.EncodeToString(sum[:4])
	}
	return p
}

// poolSettings says how a route uses the endpoints of an arm; nil: as by default.
func poolSettings(spec v1alpha1.TCPRouteSpec, a Arm) *pushv1.PoolSettings {
	settings := &pushv1.PoolSettings{
		Balancing:      balancing(spec.LoadBalancing),
		MinConnections: uint32(or(spec.MinConnections, 0)),
	}
	reach(settings, spec, a)
	guard(settings, spec)
	if proto.Size(settings) == 0 {
		return nil
	}
	return settings
}

// fill gives a pool the endpoints that its name has now: none when they are not known
// any more or never were.
func (t *translation) fill(p *pushv1.Pool, id dtab.Path) {
	for _, e := range t.names.addr(id).Endpoints {
		p.Endpoints = append(p.Endpoints, &pushv1.Endpoint{
			Address: e.Addr.Addr().Unmap().WithZone("").String(),
			Port:    uint32(e.Addr.Port()),
			Weight:  e.Weight,
			Node:    e.Node,
			Zones:   e.Zones,
		})
	}
}
