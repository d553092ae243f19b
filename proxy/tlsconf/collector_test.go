// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of the store, "NAME{IDENTITY}" -> value.
func (w *world) metrics() map[string]float64 {
	w.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.store.Collector())
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			values[fmt.Sprintf("%s{%s}", family.GetName(), m.GetLabel()[0].GetValue())] = m.GetGauge().GetValue()
		}
	}
	return values
}

func TestMetricsTellWhenIdentitiesExpireAndWhichAreStale(t *testing.T) {
	w := newWorld(t)
	if diff := cmp.Diff(map[string]float64{}, w.metrics()); diff != "" {
		t.Errorf("an empty store (-want +got):\n%s", diff)
	}
	expires := float64(w.put("one").Expires.Unix())
	w.put("two")
	w.store.Stale("two", errors.New("x"))
	w.store.Stale("three", errors.New("x")) // nobody's
	want := map[string]float64{
		"wye_proxy_tls_certificate_expiration_timestamp_seconds{one}": expires,
		"wye_proxy_tls_certificate_expiration_timestamp_seconds{two}": expires,
		"wye_proxy_tls_certificate_current{one}":                      1,
		"wye_proxy_tls_certificate_current{two}":                      0,
	}
	if diff := cmp.Diff(want, w.metrics()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.put("two")
	if got := w.metrics()["wye_proxy_tls_certificate_current{two}"]; got != 1 {
		t.Errorf("after the next form: %v", got)
	}
}
