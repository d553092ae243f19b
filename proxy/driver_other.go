// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package proxy

import (
	"log/slog"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/portable"
)

// loops is the data plane of this system: event loops need epoll.
func loops(_ int, log *slog.Logger, m *metrics.Metrics) (listener.Driver, error) {
	return portable.New(portable.Options{Log: log, Metrics: m}), nil
}
