// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/wye-dev/wye/api/v1alpha1"
)

func TestControllerMetrics(t *testing.T) {
	p := newPlace(t, 3)
	held, release := p.hold()
	good, refused := p.route("good", p.reserve(), p.announce("a", p.serve("a"))), p.route("refused", held, p.path("a"))
	p.apply(good, refused)
	p.expect(good, ready)
	p.expect(refused, not("Programmed", v1alpha1.ReasonPortUnavailable))

	edge := p.fleet("edge", 3)
	p.get(edge)
	p.metric("wye_controller_config_generation", float64(edge.Status.ConfigGeneration))
	p.metric("wye_controller_proxies", 3, `state="connected"`)
	p.metric("wye_controller_proxies", 0, `state="lagging"`)
	p.metric("wye_controller_refusals", 3)
	release()
	p.metric("wye_controller_refusals", 0)

	text := p.scrape()
	for _, name := range []string{
		"wye_controller_pushes_total",
		"wye_controller_push_duration_seconds_count",
		`controller_runtime_reconcile_total{controller="fleet",result="success"}`,
		`controller_runtime_reconcile_total{controller="dtab",result="success"}`,
	} {
		if value, found := sample(text, name); !found || value == 0 {
			t.Errorf("%s is %v", name, value)
		}
	}
}

// metric waits until a metric of the fleet edge has a value.
func (p *place) metric(name string, want float64, labels ...string) {
	p.Helper()
	series := append([]string{name + "{", `fleet="edge"`, `namespace="` + p.namespace + `"`}, labels...)
	p.eventually(func() error {
		value, found := sample(p.scrape(), series...)
		if !found || value != want {
			return fmt.Errorf("%s%v is %v, want %v", name, labels, value, want)
		}
		return nil
	})
}

// sample finds the first series with all of the parts in its name and labels.
func sample(text string, parts ...string) (value float64, found bool) {
	for line := range strings.Lines(text) {
		series, number, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if !ok {
			series, number, ok = strings.Cut(strings.TrimSpace(line), " ")
		} else {
			series += "}"
		}
		if ok && !strings.HasPrefix(series, "#") && containsAll(series, parts) {
			value, err := strconv.ParseFloat(number, 64)
			return value, err == nil
		}
	}
	return 0, false
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// scrape gives the controller's metrics.
func (p *place) scrape() string {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), http.MethodGet, "http://"+w.metrics+"/metrics", nil)
	if err != nil {
		p.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.Fatalf("scrape the controller: %s: %v\n%s", response.Status, err, text)
	}
	return string(text)
}
