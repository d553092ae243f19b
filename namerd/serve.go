// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// maxBody bounds what a client may send, in bytes. A table's text has at most
	// 1 MiB; as JSON it is longer.
	maxBody = 4 << 20
	// maxHeader bounds the head of a request, the query with a dtab in it included.
	maxHeader = 1 << 20
	// patience is how long a client may take to send a head or a body, and to take an answer.
	patience = 30 * time.Second
	// idle is how long a connection without a request stays open.
	idle = 2 * time.Minute
	// stall is how long a watcher may take no byte of a change before it is given up.
	stall = 2 * time.Minute
	// grace is how long requests have to end when the server does.
	grace = 5 * time.Second
)

// Serve answers on a listener, which it closes, until ctx ends; requests have a few
// seconds to end then. What a browser sends on behalf of a page from elsewhere may
// read, but not write.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           withDeadline(http.NewCrossOriginProtection().Handler(h)),
		ReadHeaderTimeout: patience,
		IdleTimeout:       idle,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-ended
	if err != nil {
		return fmt.Errorf("stop serving on %s: %w", ln.Addr(), err)
	}
	return nil
}

// withDeadline gives each request its own deadline for writing. (http.Server has
// one for all of them, which would end streams.)
func withDeadline(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setWriteDeadline(w)
		h.ServeHTTP(w, r)
	})
}

// setWriteDeadline begins the time that a client has to take an answer.
func setWriteDeadline(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience)) // recorders have none
}

// setReadDeadline begins the time that a client has to send a body.
func setReadDeadline(w http.ResponseWriter) (undo func()) {
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Now().Add(patience))
	return func() { _ = controller.SetReadDeadline(time.Time{}) }
}
