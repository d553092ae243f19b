// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"log/slog"
	"testing"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/loop"
	"github.com/wye-dev/wye/proxy/metrics"
)

func planes() map[string]plane { return map[string]plane{"goroutines": goroutines, "loops": loops} }

func loops(t *testing.T, log *slog.Logger, m *metrics.Metrics) listener.Driver {
	t.Helper()
	d, err := loop.New(loop.Options{Loops: 2, Log: log, Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
