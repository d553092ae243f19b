//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests Wye on a real cluster: that of $KUBECONFIG, whose Services
// and pods this machine can reach, and where the images wye-controller, wye-proxy
// and redis:7 are to be had. It installs Wye by `make deploy`, which it refuses
// to do where Wye is already, and removes it again.
package e2e

import (
	"testing"
	"time"
)

// The steps share one installation, and each leaves it as it was: a fleet of
// three proxies that sends everything to redis1. After one that fails, the rest
// would say nothing. Those in which proxies end come last; see check.
func TestWye(t *testing.T) {
	w := install(t)
	for _, step := range []struct {
		name string
		test func(*world, *testing.T)
	}{
		{"AsAUserSeesIt", (*world).testView},
		{"Story", (*world).testStory},
		{"Observed", (*world).testObserved},
		{"EndpointsFollow", (*world).testEndpoints},
		{"BalancingByHash", (*world).testBalancing},
		{"CertificateReplaced", (*world).testCertificate},
		{"PausedServer", (*world).testPaused},
		{"LeaderFailsOver", (*world).testFailover},
		{"ControllerAway", (*world).testAway},
		{"RollingRestart", (*world).testRestart},
		{"Eviction", (*world).testEviction},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			begun := time.Now()
			t.Cleanup(func() { t.Logf("%s in all", since(begun)) })
			t.Cleanup(func() { w.diagnose(t) })
			step.test(w, t)
		})
		if !ok {
			return
		}
	}
}
