// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package k8s

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/wye-dev/wye/dtab"
)

func TestAskingOnceSaysWhatFollowingSays(t *testing.T) {
	service := serviceWith(servicePort("redis", 80, intstr.FromInt32(6379)))
	slices := []discoveryv1.EndpointSlice{
		*slice("a", redisPorts, ready("10.0.0.1")...),
		*slice("b", redisPorts, ready("10.0.0.2")...),
	}
	tests := map[string]string{
		"/#/io.l5d.k8s/prod/80/redis":         "bound 10.0.0.1:6379@n1 10.0.0.2:6379@n1",
		"/#/io.l5d.k8s/Prod/REDIS/redis/rest": "bound 10.0.0.1:6379@n1 10.0.0.2:6379@n1",
		"/#/io.l5d.k8s/prod/81/redis":         "neg",
		"/#/io.l5d.k8s/prod/80":               "neg",
	}
	for path, want := range tests {
		if got := show(StateOf(dtab.MustParsePath(path), service, slices)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestServiceOfAPath(t *testing.T) {
	redis := types.NamespacedName{Namespace: "prod", Name: "redis"}
	tests := map[string]types.NamespacedName{
		"/#/io.l5d.k8s/prod/80/redis":      redis,
		"/#/io.l5d.k8s/PROD/80/Redis/rest": redis,
		"/#/io.l5d.k8s/prod/80":            {},
		"/#/io.l5d.fs/prod/80/redis":       {},
		"/svc/redis":                       {},
	}
	for path, want := range tests {
		if got, ok := ServiceOf(dtab.MustParsePath(path)); got != want || ok != (want != types.NamespacedName{}) {
			t.Errorf("%s: %v, %v", path, got, ok)
		}
	}
}
