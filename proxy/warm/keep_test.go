// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package warm

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
)

// A dial that is given up because nobody wants the connection any more has not failed.
func TestADialThatIsGivenUpIsNoFailure(t *testing.T) {
	form := balancer.Form{
		Name:           "a",
		MinConnections: 1,
		Guard:          balancer.Guard{Accrual: balancer.Accrual{Failures: 1, MinPenalty: time.Hour, MaxPenalty: time.Hour}},
	}
	for port := range uint16(3) {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1+port)
		form.Targets = append(form.Targets, balancer.Target{Addr: addr, Weight: 1})
	}
	pool := balancer.NewPool(form, nil)
	k := &keep{shelf: pool.Shelf(), log: slog.New(slog.DiscardHandler)}
	k.pool.Store(pool)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.open(ctx); err == nil {
		t.Error("a connection was opened")
	}
	if out := pool.Out(); out != 0 || !pool.Idle() {
		t.Errorf("%d endpoints are out; idle: %t", out, pool.Idle())
	}
}
