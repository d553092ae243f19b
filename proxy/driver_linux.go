// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"cmp"
	"log/slog"
	"runtime"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/loop"
	"github.com/wye-dev/wye/proxy/metrics"
)

// loops is the data plane of this system.
func loops(n int, log *slog.Logger, m *metrics.Metrics) (listener.Driver, error) {
	n = cmp.Or(n, runtime.GOMAXPROCS(0))
	attentive := runtime.GOMAXPROCS(0) >= n+SpareProcessors
	return loop.New(loop.Options{Loops: n, Attentive: attentive, Log: log, Metrics: m})
}
