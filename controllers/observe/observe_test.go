// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/controllers/observe"
)

// asker answers every question alike, and keeps it.
type asker struct {
	routes          []observe.Route
	err             error
	namespace, name string
}

func (a *asker) Observe(_ context.Context, namespace, name string) ([]observe.Route, error) {
	a.namespace, a.name = namespace, name
	return a.routes, a.err
}

func some() []observe.Route {
	since := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return []observe.Route{{
		Namespace: "shop", Name: "redis", Fleet: "shop/edge", Hash: "x", Departed: 1, Counted: 2, Since: &since,
		Arms: []observe.Arm{{Name: "a", Opened: 1<<64 - 1, Open: 3}}, Behind: []string{"edge-1"}, Silent: []string{"edge-2"},
	}}
}

func TestAnswersComeThrough(t *testing.T) {
	a := &asker{routes: some()}
	server := httptest.NewServer(observe.Handler(a))
	defer server.Close()
	got, err := observe.Get(t.Context(), server.Client(), server.URL, "shop", "redis")
	if diff := cmp.Diff(some(), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if a.namespace != "shop" || a.name != "redis" {
		t.Errorf("asked about %s/%s", a.namespace, a.name)
	}
	a.routes = nil
	if got, err := observe.Get(t.Context(), server.Client(), server.URL+"/", "shop", ""); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRequestsAreAnsweredOrRefused(t *testing.T) {
	for _, c := range []struct {
		reason, method, target, host string
		err                          error
		code                         int
		body                         string
	}{
		{reason: "all of a namespace", target: "?namespace=shop", code: 200, body: `{"routes":[]}`},
		{reason: "no namespace", target: "", code: 400, body: "namespace: "},
		{reason: "no namespace that there could be", target: "?namespace=a/b", code: 400, body: "namespace: "},
		{reason: "no name that there could be", target: "?namespace=a&name=b%0a", code: 400, body: "name: "},
		{reason: "nobody to ask", target: "?namespace=shop", err: errors.New("no leader"), code: 503, body: "no leader"},
		{reason: "a write", method: http.MethodPost, target: "?namespace=shop", code: 405, body: "Method Not Allowed"},
		{reason: "another path", target: "/x", code: 404, body: "not found"},
		{reason: "by name", target: "?namespace=shop", host: "localhost:4191", code: 200, body: "routes"},
		{reason: "by IPv6", target: "?namespace=shop", host: "[::1]", code: 200, body: "routes"},
		{reason: "a page's own name for loopback", target: "?namespace=shop", host: "rebound.example:4191", code: 403, body: "loopback"},
	} {
		if c.host == "" {
			c.host = "127.0.0.1:4191"
		}
		request := httptest.NewRequestWithContext(t.Context(), c.method, "http://"+c.host+observe.Path+c.target, http.NoBody)
		answer := httptest.NewRecorder()
		observe.Handler(&asker{err: c.err}).ServeHTTP(answer, request)
		if answer.Code != c.code || !strings.Contains(answer.Body.String(), c.body) {
			t.Errorf("%s: %d %s, want %d %s", c.reason, answer.Code, answer.Body, c.code, c.body)
		}
	}
}

func TestTheClientTakesOnlySoMuch(t *testing.T) {
	for reason, serve := range map[string]http.HandlerFunc{
		"unexpected EOF": func(w http.ResponseWriter, _ *http.Request) { // never the end of it
			_, _ = w.Write([]byte(`{"routes":[{"name":"`))
			for range 17 {
				_, _ = w.Write(bytes.Repeat([]byte("a"), 1<<20))
			}
		},
		"500 Internal Server Error: a a": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("a\n", 1<<20), http.StatusInternalServerError)
		},
	} {
		server := httptest.NewServer(serve)
		_, err := observe.Get(t.Context(), server.Client(), server.URL, "shop", "")
		server.Close()
		if err == nil || !strings.Contains(err.Error(), reason) || len(err.Error()) > 2000 {
			t.Errorf("want %q, got %.200v", reason, err)
		}
	}
}

func TestServingEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- observe.Serve(ctx, ln, &asker{routes: some()}) }()
	got, err := observe.Get(t.Context(), http.DefaultClient, "http://"+ln.Addr().String(), "shop", "")
	if len(got) != 1 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// FuzzGet reads whatever a server may answer.
func FuzzGet(f *testing.F) {
	f.Add(200, []byte(`{"routes":[{"name":"a","since":"2026-01-02T03:04:05Z","arms":[{"name":"a","opened":1}]}]}`))
	f.Add(503, []byte("no"))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		client := &http.Client{Transport: answers{code, body}}
		if routes, err := observe.Get(t.Context(), client, "http://127.0.0.1", "shop", ""); err != nil && routes != nil {
			t.Errorf("%v and %v", routes, err)
		}
	})
}

// answers is a server.
type answers struct {
	code int
	body []byte
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	r := httptest.NewRecorder()
	r.Body.Write(a.body)
	response := r.Result()
	response.StatusCode = a.code
	return response, nil
}
