// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package k8s

import (
	"net/netip"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// name is a parsed path.
type name struct {
	path     dtab.Path // with the names in lower case
	segments int       // of path that are the id
	port     string
	service  types.NamespacedName
}

// state is what a name means, given its Service (nil if there is none) and the
// slices of it.
//
// A port in an EndpointSlice carries the *name* of the Service's port that it stands for, so
// a number is looked up by the name of the Service's port of that number. linkerd took the
// targetPort instead and applied it to every endpoint; where the target is a name it looked
// for that name in the Endpoints, which do not know it. The slices say the same and more: a
// named target can be another number in each pod, and slices made by hand can
// have any number. Whether a port's target is a number still decides what nobody there means.
func (n name) state(service *corev1.Service, slices map[string]*discoveryv1.EndpointSlice) namer.State {
	number, err := strconv.ParseUint(n.port, 10, 16)
	// 1. The name of a port, which the slices know even without a Service. No
	// endpoints, no name.
	if err != nil {
		return n.ifAny(endpointsOf(slices, n.port, 0))
	}
	port := portOf(service, int32(number))
	switch {
	// 2. A number that the Service does not have.
	case port == nil:
		return namer.State{}
	// 3. A number that leads to a named port of the pods: as a name.
	case port.TargetPort.Type == intstr.String:
		return n.ifAny(endpointsOf(slices, port.Name, 0))
	// 4. A number that leads to a number: there, even when nobody is.
	default:
		return n.bound(endpointsOf(slices, port.Name, port.TargetPort.IntVal))
	}
}

func (n name) ifAny(endpoints []namer.Endpoint) namer.State {
	if len(endpoints) == 0 {
		return namer.State{}
	}
	return n.bound(endpoints)
}

func (n name) bound(endpoints []namer.Endpoint) namer.State {
	return namer.BoundTo(n.path, n.segments, namer.Addr{State: namer.AddrBound, Endpoints: endpoints})
}

// portOf is the TCP port of a Service with a number, nil if there is none.
func portOf(service *corev1.Service, number int32) *corev1.ServicePort {
	if service == nil {
		return nil
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if port.Port == number && (port.Protocol == corev1.ProtocolTCP || port.Protocol == "") {
			return port
		}
	}
	return nil
}

// endpointsOf gathers the endpoints that take connections on a port, from slices
// of both address families. Each slice has its own ports, and they apply to
// its own endpoints only.
func endpointsOf(slices map[string]*discoveryv1.EndpointSlice, port string, target int32) []namer.Endpoint {
	var endpoints []namer.Endpoint
	for _, slice := range slices {
		if slice.AddressType != discoveryv1.AddressTypeIPv4 && slice.AddressType != discoveryv1.AddressTypeIPv6 {
			continue // names, which would have to be looked up
		}
		number := numberOf(slice.Ports, port, target)
		if number == 0 {
			continue
		}
		for i := range slice.Endpoints {
			if e, ok := endpoint(&slice.Endpoints[i], number); ok {
				endpoints = append(endpoints, e)
			}
		}
	}
	return namer.SortEndpoints(endpoints)
}

// numberOf is the number of a slice's TCP port with a name; failing that, target
// if the slice has it under another name, as it does for a moment after the
// Service's port was renamed. 0 if there is none.
func numberOf(ports []discoveryv1.EndpointPort, name string, target int32) uint16 {
	var number uint16
	for _, p := range ports {
		if p.Port == nil || *p.Port < 1 || *p.Port > 65535 || p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP {
			continue
		}
		if p.Name == nil && name == "" || p.Name != nil && *p.Name == name {
			return uint16(*p.Port)
		}
		if *p.Port == target {
			number = uint16(target)
		}
	}
	return number
}

// endpoint is the address of an endpoint that takes new connections. Only the
// first address of an endpoint has a meaning (so says the EndpointSlice API).
func endpoint(e *discoveryv1.Endpoint, port uint16) (namer.Endpoint, bool) {
	if !takesConnections(e.Conditions) || len(e.Addresses) == 0 {
		return namer.Endpoint{}, false
	}
	ip, err := netip.ParseAddr(e.Addresses[0])
	if err != nil {
		return namer.Endpoint{}, false
	}
	result := namer.Endpoint{Addr: netip.AddrPortFrom(ip, port), Weight: 1}
	if e.NodeName != nil {
		result.Node = *e.NodeName
	}
	result.Zones = zones(e.Hints)
	return result, true
}

// zones are those that an endpoint is meant for, as the Service asked for by its
// trafficDistribution (or, before that, an annotation).
func zones(hints *discoveryv1.EndpointHints) []string {
	if hints == nil {
		return nil
	}
	var names []string
	for _, zone := range hints.ForZones {
		names = append(names, zone.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// takesConnections tells whether an endpoint is ready, serving and not
// terminating. What is not said is taken as the API says: ready, serving if ready, not terminating.
// Ready alone is not enough: of a Service that publishes not ready addresses
// every endpoint is ready, up to its end.
func takesConnections(c discoveryv1.EndpointConditions) bool {
	ready := c.Ready == nil || *c.Ready
	serving := c.Serving == nil || *c.Serving
	terminating := c.Terminating != nil && *c.Terminating
	return ready && serving && !terminating
}
