// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package webhook tells whoever applies a Dtab or a TCPRoute at once what its
// status would say later: that a text in it cannot be read, where, and what
// belongs there. Reviews of the API server come in, and verdicts go out: a
// refusal in the words of the status, or leave with warnings. It judges what the
// object itself says and looks nothing up, so whether a name exists is not its
// concern, and it changes nothing.
//
// It is a convenience and no gate. The API server goes on without it when it does
// not answer (failurePolicy: Ignore), and what gets past it is the same verdict in
// the object's status. It never stands in the way of a delete, nor of a change
// that leaves the spec as it is.
package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// ServiceName is the Service by which the API server reaches the webhook.
const ServiceName = "wye-webhook"

const (
	// answerWithin is how long the API server waits for a verdict (timeoutSeconds).
	answerWithin = 3 * time.Second
	// transferWithin bounds reading a request, and answering it.
	transferWithin = 2 * answerWithin
	idleTimeout    = 2 * time.Minute // of a connection that is kept
	// atOnce bounds the reviews in memory: one has up to 7 MB (the limit of
	// controller-runtime, for two of the largest objects that the API takes).
	atOnce = 8
)

// Options of a Server.
type Options struct {
	Scheme *runtime.Scheme // with wye.dev/v1alpha1
	TLS    *tls.Config     // to serve with
	Log    logr.Logger
}

// Server answers the API server's reviews.
type Server struct {
	handler http.Handler
	tls     *tls.Config
	log     logr.Logger
}

// NewServer makes a Server that does not listen yet.
func NewServer(o Options) (*Server, error) {
	mux := http.NewServeMux()
	for path, hook := range map[string]*admission.Webhook{
		dtabPath:  admission.WithValidator(o.Scheme, dtabs()),
		routePath: admission.WithValidator(o.Scheme, routes()),
	} {
		handler, err := admission.StandaloneWebhook(hook, admission.StandaloneOptions{Logger: o.Log, MetricsPath: path})
		if err != nil {
			return nil, fmt.Errorf("serve %s: %w", path, err)
		}
		mux.Handle("POST "+path, handler)
	}
	return &Server{handler: limited(mux), tls: o.TLS, log: o.Log}, nil
}

// Run serves on ln, which it closes, until ctx ends; reviews under way are answered.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:      s.handler,
		TLSConfig:    s.tls,
		ReadTimeout:  transferWithin,
		WriteTimeout: transferWithin,
		IdleTimeout:  idleTimeout,
		Protocols:    new(http.Protocols),
		// Of handshakes that fail and the like, which anybody can bring about.
		ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(s.log), slog.LevelDebug),
	}
	server.Protocols.SetHTTP1(true) // whose connections are bounded in what they ask at once
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		shutdown(context.WithoutCancel(ctx), server)
	})
	err := server.ServeTLS(ln, "", "")
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve admission: %w", err)
}

// shutdown lets the API server have the answers that it still waits for.
func shutdown(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

// limited has reviews wait until there is room for them, as long as the API
// server waits.
func limited(next http.Handler) http.Handler {
	slots := make(chan struct{}, atOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(answerWithin)
		defer timer.Stop()
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		case <-timer.C:
			http.Error(w, "too many reviews at once", http.StatusServiceUnavailable)
		}
	})
}
