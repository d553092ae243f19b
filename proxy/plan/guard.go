// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
)

// Defaults of failure accrual.
const (
	DefaultFailures   = 5
	DefaultMinPenalty = time.Second
	DefaultMaxPenalty = time.Minute
	DefaultPanic      = 50 // per cent
)

// Limits of what settings may say.
const (
	maxFailures = 1<<16 - 1
	maxExchange = 64 << 10 // bytes that a check sends, or expects
)

// Check is how the endpoints of a pool are checked.
type Check struct {
	Interval, Timeout  time.Duration // above 0
	Unhealthy, Healthy int           // results in a row that count; above 0
	Send               []byte        // after connecting; may be empty
	Expect             []byte        // that the answer must begin with; may be empty
}

// guard reads what keeps connections from endpoints.
func (b *building) guard(s *pushv1.PoolSettings) (balancer.Guard, error) {
	g := balancer.Guard{
		MaxConnections: int64(s.GetMaxConnectionsPerEndpoint()),
		MaxPending:     int64(s.GetMaxPending()),
		Tell:           b.Tell,
	}
	var err error
	g.Accrual, g.Panic, err = accrual(s.GetFailureAccrual())
	return g, err
}

func accrual(f *pushv1.FailureAccrual) (balancer.Accrual, int, error) {
	a := balancer.Accrual{Failures: DefaultFailures}
	percent := uint32(DefaultPanic)
	if f != nil {
		a.Failures = int(min(f.GetConsecutiveFailures(), maxFailures))
	}
	if f != nil && f.PanicThreshold != nil {
		percent = f.GetPanicThreshold()
	}
	var err error
	if a.MinPenalty, err = duration("min_penalty", f.GetMinPenalty(), DefaultMinPenalty); err != nil {
		return a, 0, err
	}
	if a.MaxPenalty, err = duration("max_penalty", f.GetMaxPenalty(), max(DefaultMaxPenalty, a.MinPenalty)); err != nil {
		return a, 0, err
	}
	if a.EarlyClose, err = duration("early_close", f.GetEarlyClose(), 0); err != nil {
		return a, 0, err
	}
	switch {
	case a.MinPenalty == 0:
		err = errors.New("min_penalty is 0, and must be above")
	case a.MaxPenalty < a.MinPenalty:
		err = fmt.Errorf("max_penalty %s is less than min_penalty %s", a.MaxPenalty, a.MinPenalty)
	case percent > 100:
		err = fmt.Errorf("panic_threshold is %d, and must be from 0 to 100", percent)
	}
	return a, int(percent), err
}

// check reads how endpoints are checked; nil: they are not.
func check(h *pushv1.HealthCheck) (*Check, error) {
	if h == nil {
		return nil, nil
	}
	interval, err := duration("interval", h.GetInterval(), 0)
	if err != nil {
		return nil, err
	}
	timeout, err := duration("timeout", h.GetTimeout(), 0)
	switch {
	case err != nil:
		return nil, err
	case interval == 0 || timeout == 0:
		return nil, errors.New("interval and timeout of the health check must be above 0")
	case h.GetUnhealthyThreshold() == 0 || h.GetHealthyThreshold() == 0:
		return nil, errors.New("the thresholds of the health check must be above 0")
	case len(h.GetSend()) > maxExchange || len(h.GetExpect()) > maxExchange:
		return nil, fmt.Errorf("the health check sends or expects more than %d bytes", maxExchange)
	}
	return &Check{
		Interval:  interval,
		Timeout:   timeout,
		Unhealthy: int(min(h.GetUnhealthyThreshold(), maxFailures)),
		Healthy:   int(min(h.GetHealthyThreshold(), maxFailures)),
		Send:      h.GetSend(),
		Expect:    h.GetExpect(),
	}, nil
}

// Equal tells whether both say the same.
func (c *Check) Equal(o *Check) bool {
	return c.Interval == o.Interval && c.Timeout == o.Timeout && c.Unhealthy == o.Unhealthy && c.Healthy == o.Healthy &&
		bytes.Equal(c.Send, o.Send) && bytes.Equal(c.Expect, o.Expect)
}
