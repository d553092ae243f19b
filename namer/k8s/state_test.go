// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package k8s

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

func servicePort(name string, number int32, target intstr.IntOrString) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: number, TargetPort: target, Protocol: corev1.ProtocolTCP}
}

func serviceWith(ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "redis"},
		Spec:       corev1.ServiceSpec{Ports: ports},
	}
}

func slicePort(name string, number int32) discoveryv1.EndpointPort {
	return discoveryv1.EndpointPort{Name: new(name), Port: new(number), Protocol: new(corev1.ProtocolTCP)}
}

// slice has IPv4 or IPv6 addresses, as the first of them says.
func slice(name string, ports []discoveryv1.EndpointPort, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "prod", Name: name,
			Labels: map[string]string{discoveryv1.LabelServiceName: "redis"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       ports,
		Endpoints:   endpoints,
	}
	if len(endpoints) > 0 && strings.Contains(endpoints[0].Addresses[0], ":") {
		s.AddressType = discoveryv1.AddressTypeIPv6
	}
	return s
}

func ready(addrs ...string) []discoveryv1.Endpoint {
	var endpoints []discoveryv1.Endpoint
	for _, a := range addrs {
		endpoints = append(endpoints, discoveryv1.Endpoint{Addresses: []string{a}, NodeName: new("n1")})
	}
	return endpoints
}

// conditioned is an endpoint at 10.0.0.1.
func conditioned(ready, serving, terminating *bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses:  []string{"10.0.0.1"},
		Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: serving, Terminating: terminating},
	}
}

func byName(list ...*discoveryv1.EndpointSlice) map[string]*discoveryv1.EndpointSlice {
	m := map[string]*discoveryv1.EndpointSlice{}
	for _, s := range list {
		m[s.Name] = s
	}
	return m
}

// show is a short text of a state: "neg", or the address set of a bound name.
func show(s namer.State) string {
	if s.Tree.Kind == dtab.Neg {
		return "neg"
	}
	texts := []string{"bound"}
	for _, e := range s.Addr.Endpoints {
		text := strings.TrimSuffix(fmt.Sprintf("%s@%s", e.Addr, e.Node), "@")
		if e.Zones != nil {
			text += fmt.Sprint(e.Zones)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

func stateOf(port string, service *corev1.Service, slices ...*discoveryv1.EndpointSlice) namer.State {
	n, _ := parse(dtab.Path{"#", "io.l5d.k8s"}, dtab.Path{"#", "io.l5d.k8s", "prod", port, "redis"})
	return n.state(service, byName(slices...))
}

func TestPortByName(t *testing.T) {
	ports := []discoveryv1.EndpointPort{slicePort("redis", 6379)}
	cases := []struct {
		reason string
		slices []*discoveryv1.EndpointSlice
		want   string
	}{
		{"nothing at all", nil, "neg"},
		{"needs no Service", []*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...)}, "bound 10.0.0.1:6379@n1"},
		{"another port", []*discoveryv1.EndpointSlice{slice("a", []discoveryv1.EndpointPort{slicePort("web", 80)}, ready("10.0.0.1")...)}, "neg"},
		{"no endpoints", []*discoveryv1.EndpointSlice{slice("a", ports)}, "neg"},
		{"no ready endpoints", []*discoveryv1.EndpointSlice{slice("a", ports, conditioned(new(false), nil, nil))}, "neg"},
		{
			"both address families",
			[]*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...), slice("b", ports, ready("fd00::1")...)},
			"bound 10.0.0.1:6379@n1 [fd00::1]:6379@n1",
		},
		{
			"in two slices at once",
			[]*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.2", "10.0.0.1")...), slice("b", ports, ready("10.0.0.1")...)},
			"bound 10.0.0.1:6379@n1 10.0.0.2:6379@n1",
		},
		{
			"each slice keeps its own numbers",
			[]*discoveryv1.EndpointSlice{
				slice("a", ports, ready("10.0.0.1")...),
				slice("b", []discoveryv1.EndpointPort{slicePort("redis", 7000)}, ready("10.0.0.2")...),
				slice("c", []discoveryv1.EndpointPort{slicePort("web", 80)}, ready("10.0.0.3")...),
			},
			"bound 10.0.0.1:6379@n1 10.0.0.2:7000@n1",
		},
		{
			"only the first address means something",
			[]*discoveryv1.EndpointSlice{slice("a", ports, discoveryv1.Endpoint{Addresses: []string{"10.0.0.1", "10.0.0.2"}})},
			"bound 10.0.0.1:6379",
		},
		{
			"an address that is none",
			[]*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0", "10.0.0.1")...)},
			"bound 10.0.0.1:6379@n1",
		},
	}
	for _, c := range cases {
		if got := show(stateOf("redis", nil, c.slices...)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.reason, got, c.want)
		}
	}
}

func TestPortByNumber(t *testing.T) {
	toNumber := servicePort("redis", 80, intstr.FromInt32(6379))
	toName := servicePort("redis", 80, intstr.FromString("client"))
	ports := []discoveryv1.EndpointPort{slicePort("redis", 6379)}
	cases := []struct {
		reason  string
		service *corev1.Service
		slices  []*discoveryv1.EndpointSlice
		want    string
	}{
		{"no Service", nil, []*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...)}, "neg"},
		{"not in the Service", serviceWith(servicePort("redis", 81, intstr.FromInt32(6379))), []*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...)}, "neg"},
		{"to a number", serviceWith(toNumber), []*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...)}, "bound 10.0.0.1:6379@n1"},
		{"to a number, nobody there", serviceWith(toNumber), nil, "bound"},
		{"to a number, nobody ready", serviceWith(toNumber), []*discoveryv1.EndpointSlice{slice("a", ports, conditioned(new(false), nil, nil))}, "bound"},
		{"to a name", serviceWith(toName), []*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...)}, "bound 10.0.0.1:6379@n1"},
		{"to a name, nobody there", serviceWith(toName), nil, "neg"},
		{"to a name, nobody ready", serviceWith(toName), []*discoveryv1.EndpointSlice{slice("a", ports, conditioned(new(false), nil, nil))}, "neg"},
		{
			"to a name that is another number in each pod",
			serviceWith(toName),
			[]*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...), slice("b", []discoveryv1.EndpointPort{slicePort("redis", 7000)}, ready("10.0.0.2")...)},
			"bound 10.0.0.1:6379@n1 10.0.0.2:7000@n1",
		},
		{
			"a port without a name",
			serviceWith(servicePort("", 80, intstr.FromInt32(6379))),
			[]*discoveryv1.EndpointSlice{
				slice("a", []discoveryv1.EndpointPort{slicePort("", 6379)}, ready("10.0.0.1")...),
				slice("b", []discoveryv1.EndpointPort{{Port: new(int32(7000))}}, ready("10.0.0.2")...),
			},
			"bound 10.0.0.1:6379@n1 10.0.0.2:7000@n1",
		},
		{
			"without a selector the slices say the number",
			serviceWith(servicePort("redis", 80, intstr.FromInt32(80))),
			[]*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...)},
			"bound 10.0.0.1:6379@n1",
		},
		{
			"just renamed: the slices follow a moment later",
			serviceWith(servicePort("redis-new", 80, intstr.FromInt32(6379))),
			[]*discoveryv1.EndpointSlice{slice("a", ports, ready("10.0.0.1")...)},
			"bound 10.0.0.1:6379@n1",
		},
		{
			"the TCP port of that number",
			serviceWith(
				corev1.ServicePort{Name: "dns-udp", Port: 53, TargetPort: intstr.FromInt32(53), Protocol: corev1.ProtocolUDP},
				corev1.ServicePort{Name: "dns", Port: 80, TargetPort: intstr.FromInt32(53)},
			),
			[]*discoveryv1.EndpointSlice{slice("a", []discoveryv1.EndpointPort{
				{Name: new("dns"), Port: new(int32(1)), Protocol: new(corev1.ProtocolUDP)}, slicePort("dns", 53),
			}, ready("10.0.0.1")...)},
			"bound 10.0.0.1:53@n1",
		},
		{
			"only an UDP port of that number",
			serviceWith(corev1.ServicePort{Name: "dns", Port: 80, TargetPort: intstr.FromInt32(53), Protocol: corev1.ProtocolUDP}),
			nil, "neg",
		},
	}
	for _, c := range cases {
		if got := show(stateOf("80", c.service, c.slices...)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.reason, got, c.want)
		}
	}
}

func TestSlicesOfNamesAreLeftOut(t *testing.T) {
	s := slice("a", []discoveryv1.EndpointPort{slicePort("redis", 6379)}, ready("10.0.0.1")...)
	s.AddressType = discoveryv1.AddressTypeFQDN
	if got := show(stateOf("redis", nil, s)); got != "neg" {
		t.Errorf("got %s", got)
	}
}

func TestPortsThatNobodyCanDialAreLeftOut(t *testing.T) {
	for reason, port := range map[string]discoveryv1.EndpointPort{
		"UDP":         {Name: new("redis"), Port: new(int32(6379)), Protocol: new(corev1.ProtocolUDP)},
		"no number":   {Name: new("redis")},
		"zero":        slicePort("redis", 0),
		"too great":   slicePort("redis", 65536),
		"negative":    slicePort("redis", -1),
		"wraps round": slicePort("redis", 65536+6379),
	} {
		s := slice("a", []discoveryv1.EndpointPort{port}, ready("10.0.0.1")...)
		if got := show(stateOf("redis", nil, s)); got != "neg" {
			t.Errorf("%s: got %s", reason, got)
		}
	}
}

func TestOnlyReadyServingEndpointsThatDoNotTerminate(t *testing.T) {
	yes, no := new(true), new(false)
	cases := []struct {
		ready, serving, terminating *bool
		want                        bool
	}{
		{nil, nil, nil, true},
		{yes, nil, nil, true},
		{no, nil, nil, false},
		{yes, yes, no, true},
		{yes, no, no, false},
		{no, yes, yes, false},
		{yes, yes, yes, false},
		{nil, no, nil, false},
		{nil, nil, yes, false},
	}
	for _, c := range cases {
		e := conditioned(c.ready, c.serving, c.terminating)
		if got := takesConnections(e.Conditions); got != c.want {
			t.Errorf("%+v: got %v, want %v", e.Conditions, got, c.want)
		}
	}
}

func TestEndpointsAreForTheZonesOfTheirHints(t *testing.T) {
	s := slice("a", []discoveryv1.EndpointPort{slicePort("redis", 6379)}, ready("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")...)
	forZones := func(i int, names ...string) {
		s.Endpoints[i].Hints = &discoveryv1.EndpointHints{}
		for _, name := range names {
			s.Endpoints[i].Hints.ForZones = append(s.Endpoints[i].Hints.ForZones, discoveryv1.ForZone{Name: name})
		}
	}
	forZones(0, "a")
	forZones(1, "c", "b", "c")
	forZones(2) // nothing said
	if got, want := show(stateOf("redis", nil, s)), "bound 10.0.0.1:6379@n1[a] 10.0.0.2:6379@n1[b c] 10.0.0.3:6379@n1 10.0.0.4:6379@n1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	other := s.DeepCopy()
	other.Endpoints[0].Hints = nil
	if stateOf("redis", nil, s).Equal(stateOf("redis", nil, other)) {
		t.Error("a change of hints is no change")
	}
}

func TestIDIsInLowerCaseAndResidualIsNot(t *testing.T) {
	prefix := dtab.Path{"#", "k8s", "East"}
	path := dtab.Path{"#", "k8s", "East", "Prod", "REDIS", "Redis", "Rest", "of"}
	n, ok := parse(prefix, path)
	if !ok || n.service.Namespace != "prod" || n.service.Name != "redis" || n.port != "redis" {
		t.Fatalf("parsed %v %+v", ok, n)
	}
	s := n.state(nil, byName(slice("a", []discoveryv1.EndpointPort{slicePort("redis", 6379)}, ready("10.0.0.1")...)))
	bound := s.Tree.Leaf.Bound
	if want := (dtab.Path{"#", "k8s", "East", "prod", "redis", "redis"}); !slices.Equal(bound.ID, want) {
		t.Errorf("id %q", []string(bound.ID))
	}
	if want := (dtab.Path{"Rest", "of"}); !slices.Equal(bound.Residual, want) {
		t.Errorf("residual %q", []string(bound.Residual))
	}
	if path[3] != "Prod" {
		t.Error("the caller's path was changed")
	}
	if want := netip.MustParseAddrPort("10.0.0.1:6379"); s.Addr.Endpoints[0].Addr != want {
		t.Errorf("address %v", s.Addr.Endpoints)
	}
}

func TestStrip(t *testing.T) {
	s := slice("a", []discoveryv1.EndpointPort{slicePort("redis", 6379)}, ready("10.0.0.1")...)
	s.Annotations = map[string]string{"a": "b"}
	s.Endpoints[0].TargetRef = &corev1.ObjectReference{Name: "pod"}
	s.Endpoints[0].Hints = &discoveryv1.EndpointHints{
		ForZones: []discoveryv1.ForZone{{Name: "a"}}, ForNodes: []discoveryv1.ForNode{{Name: "n1"}},
	}
	before := show(stateOf("redis", nil, s.DeepCopy()))
	if _, err := Strip(s); err != nil {
		t.Fatal(err)
	}
	if s.Annotations != nil || s.Endpoints[0].TargetRef != nil || s.Endpoints[0].Hints.ForNodes != nil || s.Labels == nil {
		t.Errorf("stripped to %+v", s)
	}
	if after := show(stateOf("redis", nil, s)); after != before {
		t.Errorf("stripping changed %s to %s", before, after)
	}
	if other, err := Strip("tombstone"); other != "tombstone" || err != nil {
		t.Errorf("other objects: %v, %v", other, err)
	}
}
