// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/admin"
	"github.com/wye-dev/wye/proxy/apply"
)

var (
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	waiting = apply.Status{Source: apply.SourceNone, Since: noon, Away: errors.New("connection refused")}
	serving = apply.Status{
		Source: apply.SourceController, Connected: true, Since: noon, Saved: 6, SaveError: errors.New("no space left on device"),
		Config: &pushv1.Config{Generation: 7, Pools: []*pushv1.Pool{{Name: "/#/io.l5d.fs/redis1"}}},
		Refused: []*pushv1.Refusal{{
			Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_LISTENER, Name: "tcp/80"},
			Reason:   pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE, Message: "permission denied",
		}},
	}
)

// handler shows s.
func handler(s apply.Status, draining bool) http.Handler {
	return admin.Handler(options(s, draining))
}

func options(s apply.Status, draining bool) admin.Options {
	registry := prometheus.NewRegistry()
	status := func() apply.Status { return s }
	registry.MustRegister(admin.NewCollector(status))
	return admin.Options{
		Status:   status,
		Draining: func() bool { return draining },
		Active:   func() int { return 3 },
		Metrics:  registry,
		Log:      slog.New(slog.DiscardHandler),
	}
}

func ask(h http.Handler, method, path string) (code int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestReadySaysWhyNot(t *testing.T) {
	greeted := waiting
	greeted.Connected, greeted.Away = true, nil
	fromDisk := serving
	fromDisk.Source, fromDisk.Connected, fromDisk.Refused = apply.SourceDisk, false, nil
	tests := []struct {
		name     string
		status   apply.Status
		draining bool
		code     int
		body     string
	}{
		{"controller away", waiting, false, 503, "no config: controller away since 2026-01-02T12:00:00Z (connection refused), no saved config"},
		{"controller silent", greeted, false, 503, "no config: the controller has not sent one yet, no saved config"},
		{"in service", serving, false, 200, "ready: generation 7 from controller, 1 refused"},
		{"in service without the controller", fromDisk, false, 200, "ready: generation 7 from disk, 0 refused"},
		{"draining", serving, true, 503, "draining: 3 connections are left"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, body := ask(handler(test.status, test.draining), "GET", "/ready")
			if code != test.code || body != test.body {
				t.Errorf("got %d %q, want %d %q", code, body, test.code, test.body)
			}
		})
	}
}

func TestOnlyTheFourPathsAnswer(t *testing.T) {
	h := handler(serving, true)
	for _, test := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/live", 200},
		{"HEAD", "/live", 200},
		{"GET", "/metrics", 200},
		{"GET", "/config", 200},
		{"GET", "/", 404},
		{"GET", "/live/more", 404},
		{"GET", "/debug/pprof/", 404},
		{"POST", "/live", 405},
		{"DELETE", "/config", 405},
		{"PUT", "/metrics", 405},
		{"POST", "/ready", 405},
	} {
		if code, _ := ask(h, test.method, test.path); code != test.code {
			t.Errorf("%s %s: got %d, want %d", test.method, test.path, code, test.code)
		}
	}
}

func TestConfigShowsWhatIsHeldAndRefused(t *testing.T) {
	_, body := ask(handler(serving, false), "GET", "/config")
	want := map[string]any{
		"source":     "controller",
		"generation": 7.0,
		"controller": map[string]any{"connected": true, "since": "2026-01-02T12:00:00Z"},
		"saved":      map[string]any{"generation": 6.0, "error": "no space left on device"},
		"refused": []any{map[string]any{
			"resource": map[string]any{"kind": "RESOURCE_KIND_LISTENER", "name": "tcp/80"},
			"reason":   "REFUSAL_REASON_PORT_UNAVAILABLE", "message": "permission denied",
		}},
		"config": map[string]any{"generation": "7", "pools": []any{map[string]any{"name": "/#/io.l5d.fs/redis1"}}},
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("/config (-want +got):\n%s", diff)
	}
}

func TestConfigShowsThatThereIsNone(t *testing.T) {
	_, body := ask(handler(waiting, false), "GET", "/config")
	var got struct {
		Source     string
		Controller struct{ Error string }
		Config     any
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Source != "none" || got.Config != nil || got.Controller.Error != "connection refused" {
		t.Errorf("got %+v", got)
	}
}

func TestMetricsTellTheConfig(t *testing.T) {
	want := `
# HELP wye_proxy_config_generation Generation of the config in service, 0 when there is none.
# TYPE wye_proxy_config_generation gauge
wye_proxy_config_generation 7
# HELP wye_proxy_config_info 1, with where the config came from that is in service: controller, disk, bootstrap or none.
# TYPE wye_proxy_config_info gauge
wye_proxy_config_info{source="controller"} 1
# HELP wye_proxy_config_refused Resources of the config that are not served in their newest form.
# TYPE wye_proxy_config_refused gauge
wye_proxy_config_refused 1
# HELP wye_proxy_config_saved_generation Generation of the config that this process wrote to the disk last, 0 for none.
# TYPE wye_proxy_config_saved_generation gauge
wye_proxy_config_saved_generation 6
# HELP wye_proxy_controller_connected 1 while a session with the controller stands, otherwise 0.
# TYPE wye_proxy_controller_connected gauge
wye_proxy_controller_connected 1
`
	c := admin.NewCollector(func() apply.Status { return serving })
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("problems %v, error %v", problems, err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- admin.Serve(ctx, l, handler(serving, false), slog.New(slog.DiscardHandler)) }()

	answer, err := http.Get("http://" + l.Addr().String() + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 {
		t.Errorf("got %d, error %v", answer.StatusCode, err)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("does not end")
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("still accepts")
	}
}
