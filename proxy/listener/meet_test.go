// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"io"
	"testing"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/listener"
)

// soon is well below listener.HandshakeTimeout.
const soon = listener.HandshakeTimeout / 2

// A load balancer looks whether the proxy is there: it says its header, and that is all.
// The end is there with the header.
func TestWhoSendsAHeaderAndNoTLSIsNotWaitedFor(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := frontBy(t, plane, listener.Options{Hold: true})
		f.ending("b")
		f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.0/8"}}
		f.serve()
		conn := f.says(health2)
		_ = conn.CloseWrite()
		began := time.Now()
		f.set.Begin()
		_, _ = io.Copy(io.Discard, conn)
		if took := time.Since(began); took > soon {
			t.Errorf("it took %s", took)
		}
		f.counted(flow.HandshakeFailed, 1)
	})
}

// A client that comes with the end of a drain is not waited for either.
func TestADrainWaitsForNoClientThatSaysNothing(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.ending("b")
		f.config.Listeners[0].MaxConnections = 1
		f.serve()
		f.dial()
		eventually(t, "the first is served", func() bool { return f.set.Active() == 1 })
		for range 4 { // are late
			f.dial()
		}
		began := time.Now()
		drainAtOnce(t, f.set)
		if took := time.Since(began); took > soon {
			t.Errorf("the drain took %s", took)
		}
		f.counted(flow.DrainDeadline, 5)
	})
}
