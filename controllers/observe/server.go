// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	readLimit   = 5 * time.Second  // for a request to come in
	answerLimit = 10 * time.Second // for an answer to be made and to go out
	idleLimit   = time.Minute      // of a connection between requests
	stopLimit   = 2 * time.Second  // for answers to go out when the server stops
	maxHeader   = 16 << 10         // bytes
)

// Asker asks the proxies that are connected.
type Asker interface {
	// Observe tells what proxies say of the published routes of a namespace, or of
	// the one with a name unless that is empty. The error says why nobody can be
	// asked now.
	Observe(ctx context.Context, namespace, name string) ([]Route, error)
}

// Serve answers on ln, which it closes, until ctx ends.
func Serve(ctx context.Context, ln net.Listener, asker Asker) error {
	server := &http.Server{
		Handler:        Handler(asker),
		ReadTimeout:    readLimit,
		WriteTimeout:   answerLimit,
		IdleTimeout:    idleLimit,
		MaxHeaderBytes: maxHeader,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", Path, err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := server.Shutdown(stopping); errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return nil
}

// Handler answers GET /observed: 200 with an Answer; else a line of text, 400
// about parameters and 503 when nobody can be asked.
func Handler(asker Asker) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, r *http.Request) { answer(w, r, asker) })
	return local(mux)
}

func answer(w http.ResponseWriter, r *http.Request, asker Asker) {
	namespace, name := r.URL.Query().Get("namespace"), r.URL.Query().Get("name")
	if wrong := validation.IsDNS1123Label(namespace); len(wrong) > 0 {
		http.Error(w, "namespace: "+wrong[0], http.StatusBadRequest)
		return
	}
	if wrong := validation.IsDNS1123Subdomain(name); name != "" && len(wrong) > 0 {
		http.Error(w, "name: "+wrong[0], http.StatusBadRequest)
		return
	}
	routes, err := asker.Observe(r.Context(), namespace, name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if routes == nil {
		routes = []Route{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(Answer{Routes: routes}) // the client has gone
}

// local refuses requests to another host than this one, as a page in a browser
// would send that has its own name resolved to a loopback address.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			http.Error(w, "ask for a loopback address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal tells whether a host, with a port or without, is this machine.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}
