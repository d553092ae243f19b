// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"net"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// mistake is something that a user may do wrong.
type mistake struct {
	reason string
	apply  []client.Object // what is wrong; the last of them gets the verdicts
	wants  []verdict
	mend   func(*place)
	// leads is the backend that the route leads to in the end; empty if that is
	// on no address that can be tried here.
	leads string
}

func TestMistakesAreToldAndMended(t *testing.T) {
	p := newPlace(t, 3)
	steady := p.route("steady", p.reserve(), p.announce("a", p.serve("a")))
	p.announce("b", p.serve("b"))
	p.apply(steady)
	p.expect(steady, ready)
	l := p.startLoad(steady.Spec.Port)

	for _, m := range append(p.wrongNames(), p.wrongPlaces()...) {
		ok := t.Run(strings.ReplaceAll(m.reason, " ", "_"), func(t *testing.T) {
			p := &place{t, p.namespace} // to fail this subtest
			object := m.apply[len(m.apply)-1]
			p.apply(m.apply...)
			p.expect(object, m.wants...)
			m.mend(p)
			p.expect(object, ready)
			if m.leads != "" {
				p.leadsTo(object.(*v1alpha1.TCPRoute).Spec.Port, m.leads)
			}
		})
		if !ok {
			break // what stays behind is in the way of the others
		}
	}
	l.check()
}

// wrongNames are mistakes in what names mean.
func (p *place) wrongNames() []mistake {
	a := p.path("a")
	return []mistake{
		{
			reason: "a table that does not parse",
			apply:  []client.Object{p.table("syntax", "/svc => "+a, "/svc/x => "+a+" & 2 /b")},
			wants: []verdict{
				not("Accepted", v1alpha1.ReasonInvalid, "spec.dentries[1].dst: line 1, column ", "expected"),
				not("Ready", v1alpha1.ReasonInvalid),
			},
			mend: func(p *place) { p.apply(p.table("syntax", "/svc => "+a)) },
		},
		{
			reason: "a route by a table that does not parse",
			apply:  []client.Object{p.table("broken", "/svc/x => "+a+" |"), p.routeBy("broken", p.reserve())},
			wants: []verdict{
				not("ResolvedRefs", v1alpha1.ReasonDtabInvalid, "Dtab "+p.namespace+"/broken: spec.dentries[0].dst: line 1, column "),
				not("Programmed", v1alpha1.ReasonNotPublished),
			},
			mend:  func(p *place) { p.apply(p.table("broken", "/svc/x => "+a)) },
			leads: "a",
		},
		{
			reason: "a table that is missing",
			apply:  []client.Object{p.routeBy("tableless", p.reserve())},
			wants: []verdict{not("ResolvedRefs", v1alpha1.ReasonDtabNotFound,
				fmt.Sprintf("there is no Dtab %q in namespace %q; create it, or name another one", "tableless", p.namespace))},
			mend:  func(p *place) { p.apply(p.table("tableless", "/svc/x => "+a)) },
			leads: "a",
		},
		{
			reason: "rules that go round in a circle",
			apply:  []client.Object{p.table("loop", "/svc/x => /svc/y", "/svc/y => /svc/x"), p.routeBy("loop", p.reserve())},
			wants: []verdict{not("ResolvedRefs", v1alpha1.ReasonLoop,
				"Dtab "+p.namespace+"/loop go round in a circle: /svc/x -> /svc/y -> /svc/x")},
			mend:  func(p *place) { p.apply(p.table("loop", "/svc/x => /svc/y", "/svc/y => "+a)) },
			leads: "a",
		},
		{
			reason: "a name that no rule is for",
			apply:  []client.Object{p.table("typo", "/svc/eks => "+a), p.routeBy("typo", p.reserve())},
			wants: []verdict{
				not("ResolvedRefs", v1alpha1.ReasonBackendNotFound, "Dtab "+p.namespace+"/typo has no rule for /svc/x"),
			},
			mend:  func(p *place) { p.apply(p.table("typo", "/svc/x => "+a)) },
			leads: "a",
		},
		{
			reason: "a name that does not exist",
			apply:  []client.Object{p.route("nobody", p.reserve(), p.path("nobody"))},
			wants: []verdict{
				not("ResolvedRefs", v1alpha1.ReasonBackendNotFound, "there is no "+p.path("nobody")+"; create what it names"),
			},
			mend:  func(p *place) { p.announce("nobody", p.serve("somebody")) },
			leads: "somebody",
		},
		{
			reason: "a discovery file that cannot be read",
			apply:  []client.Object{p.route("garbled", p.reserve(), p.write("garbled", "127.0.0.1:80\n"))},
			wants:  []verdict{not("Ready", v1alpha1.ReasonNoReplicas, p.path("garbled")+" has no addresses: malformed address: 127.0.0.1:80")},
			mend:   func(p *place) { p.announce("garbled", p.serve("clear")) },
			leads:  "clear",
		},
		{
			reason: "a Service without endpoints",
			apply:  append(p.service("idle", nil), p.backends("idle", p.reserve(), "idle")),
			wants:  []verdict{not("Ready", v1alpha1.ReasonNoReplicas, `backend "idle" is bound to /#/io.l5d.k8s/`+p.namespace+`/80/idle, which has no ready endpoints`)},
			// EndpointSlices cannot hold loopback addresses; nobody is there.
			mend: func(p *place) { p.apply(p.service("idle", []string{"192.0.2.1"})...) },
		},
		{
			reason: "a Service that is missing",
			apply:  []client.Object{p.backends("absent", p.reserve(), "absent")},
			wants: []verdict{not("ResolvedRefs", v1alpha1.ReasonBackendNotFound,
				fmt.Sprintf("there is no Service %q in namespace %q with port 80", "absent", p.namespace))},
			mend: func(p *place) { p.apply(p.service("absent", []string{"192.0.2.1"})...) },
		},
		{
			reason: "a port of an address out of range",
			apply:  []client.Object{p.table("range", "/svc/x => /$/inet/127.1/70000"), p.routeBy("range", p.reserve())},
			wants:  []verdict{not("Ready", v1alpha1.ReasonNoReplicas, "/$/inet/127.1/70000", "out of range")},
			mend:   func(p *place) { p.apply(p.table("range", "/svc/x => "+a)) },
			leads:  "a",
		},
	}
}

// wrongPlaces are mistakes in where routes are to be served.
func (p *place) wrongPlaces() []mistake {
	a := p.path("a")
	stray := p.route("stray", p.reserve(), a)
	stray.Spec.FleetRef.Name = "nowhere"

	older, younger := p.route("older", p.reserve(), a), p.route("younger", 0, p.path("b"))
	younger.Spec.Port = older.Spec.Port

	held, release := p.hold()

	next := newNamespace(p.T)
	foreign := next.route("foreign", p.reserve(), a)
	foreign.Spec.FleetRef.Namespace = p.namespace
	open := p.fleet("edge", 3)
	open.Spec.AllowedRoutes = &v1alpha1.AllowedRoutes{From: v1alpha1.FromAll}

	return []mistake{
		{
			reason: "a fleet that is missing",
			apply:  []client.Object{stray},
			wants: []verdict{not("Accepted", v1alpha1.ReasonNoMatchingParent,
				fmt.Sprintf("there is no ProxyFleet %q in namespace %q; create it, or name another one in spec.fleetRef", "nowhere", p.namespace))},
			mend:  func(p *place) { p.apply(p.fleet("nowhere", 1)) },
			leads: "a",
		},
		{
			reason: "two routes for one port",
			apply:  []client.Object{older, younger},
			wants: []verdict{not("Accepted", v1alpha1.ReasonConflicted,
				fmt.Sprintf("port %d is held by TCPRoute %s/older, which was there first; choose another port", older.Spec.Port, p.namespace))},
			mend: func(p *place) {
				p.leadsTo(older.Spec.Port, "a")
				p.delete(older)
			},
			leads: "b",
		},
		{
			reason: "a port in use on the proxies",
			apply:  []client.Object{p.route("squatted", held, a)},
			wants: []verdict{not("Programmed", v1alpha1.ReasonPortUnavailable,
				fmt.Sprintf("3 of 3 proxies cannot open port %d; wye-edge-0 says: bind port %d: ", held, held), "address already in use")},
			mend:  func(*place) { release() },
			leads: "a",
		},
		{
			reason: "a namespace that the fleet does not allow",
			apply:  []client.Object{foreign},
			wants: []verdict{not("Accepted", v1alpha1.ReasonNotAllowedByFleet,
				fmt.Sprintf("ProxyFleet %s/edge takes no routes from namespace %q", p.namespace, next.namespace), "spec.allowedRoutes", "set from: All")},
			mend:  func(p *place) { p.apply(open) },
			leads: "a",
		},
	}
}

// A port that cannot be is no matter for a status: the API server does not take it.
func TestPortOutOfRangeIsRefused(t *testing.T) {
	p := newPlace(t, 1)
	route := p.route("echo", p.reserve(), p.announce("a", p.serve("a")))
	p.apply(route)
	p.expect(route, ready)
	l := p.startLoad(route.Spec.Port)
	err := p.tryApply(p.route("echo", 70000, p.path("a")))
	if want := "spec.port in body should be less than or equal to 65535"; !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	l.check()
}

// backends describes a route to port 80 of Services.
func (p *place) backends(name string, port int32, services ...string) *v1alpha1.TCPRoute {
	r := p.route(name, port, "")
	for _, s := range services {
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{
			Name: s, Service: &v1alpha1.ServiceReference{Name: s, Port: intstr.FromInt32(80)},
		})
	}
	return r
}

// service describes a Service with port 80, and the EndpointSlice that a cluster
// would make of its pods.
func (p *place) service(name string, addresses []string) []client.Object {
	port, portName, tcp := int32(80), "echo", corev1.ProtocolTCP
	service := &corev1.Service{ObjectMeta: p.meta(name)}
	service.Spec.Ports = []corev1.ServicePort{{Name: portName, Port: port, TargetPort: intstr.FromInt32(port), Protocol: tcp}}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: p.meta(name), AddressType: discoveryv1.AddressTypeIPv4}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: name}
	slice.Ports = []discoveryv1.EndpointPort{{Name: &portName, Port: &port, Protocol: &tcp}}
	slice.Endpoints = []discoveryv1.Endpoint{}
	for _, address := range addresses {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	return []client.Object{service, slice}
}

// hold takes a port until release is called.
func (p *place) hold() (port int32, release func()) {
	p.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { l.Close() })
	return int32(l.Addr().(*net.TCPAddr).Port), func() { l.Close() }
}
