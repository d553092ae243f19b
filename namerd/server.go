// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namerd/names"
)

// Options of a Server. Tables and Access are needed.
type Options struct {
	Tables Reader
	Access Access
	// Namers bind concrete names. Their prefixes must not overlap.
	Namers []namer.Mount
	// BoundNames lists the names that namers know. None if nil.
	BoundNames Enumerator
	// Metrics are registered here. Nowhere if nil.
	Metrics prometheus.Registerer
	// Log of a Server. None if nil.
	Log *slog.Logger
	// Wait is how long a request waits for what namers do not know yet; 20 s if 0.
	// It does not bound watches.
	Wait time.Duration
}

// Enumerator knows which concrete names there are.
type Enumerator interface {
	// Names are sorted. The channel is closed when there are others.
	Names() (paths []dtab.Path, changed <-chan struct{})
}

// Server answers for /api/1.
type Server struct {
	Options
	names   *names.Names
	metrics *metrics
	run     atomic.Pointer[context.Context] // of Run; nil before
}

// NewServer makes a server. It is an error if the prefixes of namers overlap.
func NewServer(o Options) (*Server, error) {
	if o.Wait == 0 {
		o.Wait = 20 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n, err := names.New(tables{o.Tables}, o.Namers...)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return &Server{Options: o, names: n, metrics: m}, nil
}

// tables is a Reader for evaluation.
type tables struct{ Reader }

func (t tables) Table(namespace string) (*dtab.Table, <-chan struct{}) {
	entry, changed := t.Get(namespace)
	if entry == nil {
		return nil, changed
	}
	return entry.Table, changed
}

// Run answers on a listener, which it closes, until ctx ends. Streams end then. It may
// be called for several listeners, with the same ctx.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	s.run.Store(&ctx)
	return Serve(ctx, ln, s, s.Log)
}

// handler answers a request for a namespace, or for none. An error is an answer, too.
type handler func(s *Server, w http.ResponseWriter, r *http.Request, namespace string) error

// endpoint is what a request is for.
type endpoint struct {
	name string // a label of metrics
	handler
	namespace string
}

// ServeHTTP makes Server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := route(r)
	counted := &countedResponse{ResponseWriter: w}
	done := s.metrics.begin(e.name, counted)
	defer done()
	counted.Header().Set("X-Content-Type-Options", "nosniff")
	if err := e.handler(s, counted, r, e.namespace); err != nil {
		s.refuse(counted, r, err)
	}
}

// route finds what a request is for. The namespace is the rest of the path as it
// was sent, slashes and escapes included.
func route(r *http.Request) endpoint {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/1/")
	first, namespace, has := strings.Cut(path, "/")
	switch {
	case !ok:
	case first == "dtabs" && namespace == "":
		return endpoint{"dtabs", (*Server).list, ""} // by any method
	case first == "dtabs":
		return endpoint{"dtab", methods(r.Method), namespace}
	case first == "bind" && has:
		return endpoint{"bind", (*Server).bind, namespace}
	case first == "addr" && has:
		return endpoint{"addr", (*Server).addr, namespace}
	case first == "resolve" && has:
		return endpoint{"resolve", (*Server).resolve, namespace}
	case first == "delegate" && has:
		return endpoint{"delegate", (*Server).delegateIn, namespace}
	case first == "delegate":
		return endpoint{"delegate", (*Server).delegate, ""}
	case path == "bound-names" && r.Method == http.MethodGet:
		return endpoint{"bound-names", (*Server).boundNames, ""}
	}
	return endpoint{"other", nowhere, ""}
}

// methods are those of a table. An unknown one is as if there were no table.
func methods(method string) handler {
	switch method {
	case http.MethodGet:
		return (*Server).get
	case http.MethodHead:
		return (*Server).head
	case http.MethodPost:
		return (*Server).create
	case http.MethodPut:
		return (*Server).put
	case http.MethodDelete:
		return (*Server).delete
	}
	return nowhere
}

func nowhere(*Server, http.ResponseWriter, *http.Request, string) error { return ErrNotFound }
