// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package k8s

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// defaultPrefix is where the namer is mounted if nothing else is said.
func defaultPrefix() dtab.Path { return dtab.Path{"#", "io.l5d.k8s"} }

// ServiceOf is the Service that a path below /#/io.l5d.k8s is about. ok is false
// for a path too short to name a port of one, or elsewhere.
func ServiceOf(path dtab.Path) (service types.NamespacedName, ok bool) {
	if !path.HasPrefix(defaultPrefix()) {
		return types.NamespacedName{}, false
	}
	parsed, ok := parse(defaultPrefix(), path)
	return parsed.service, ok
}

// StateOf is what a Namer would say of a path below /#/io.l5d.k8s, for those who
// ask once: given the Service of that path, nil if there is none, and its slices.
func StateOf(path dtab.Path, service *corev1.Service, slices []discoveryv1.EndpointSlice) namer.State {
	parsed, ok := parse(defaultPrefix(), path)
	if !ok {
		return namer.State{}
	}
	byName := make(map[string]*discoveryv1.EndpointSlice, len(slices))
	for i := range slices {
		byName[slices[i].Name] = &slices[i]
	}
	return parsed.state(service, byName)
}
