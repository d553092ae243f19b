// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// stopTimeout is how long answers may take to finish once the server stops.
	stopTimeout = time.Second
	// stopEvery is the time between looks at whether they have.
	stopEvery = 2 * time.Millisecond
)

// Serve has h answer on l until ctx ends, and closes l. Whoever has been accepted by
// then is answered still.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	var asking asking
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnState:         asking.changed,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve admin: %w", err)
	case <-ctx.Done():
	}
	// Shutdown drops the requests that it overtakes: nobody may be let in before it.
	server.SetKeepAlivesEnabled(false)
	_ = l.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve admin: %w", err)
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	asking.wait(finish)
	if server.Shutdown(finish) != nil {
		server.Close() // what is left took too long
	}
	return nil
}

// asking is the number of connections. Without keep-alive, each ends with its answer.
type asking struct{ n atomic.Int64 }

// changed follows the states of connections.
func (a *asking) changed(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		a.n.Add(1)
	case http.StateClosed:
		a.n.Add(-1)
	}
}

// wait returns when nobody waits for an answer, or when ctx ends.
func (a *asking) wait(ctx context.Context) {
	look := time.NewTicker(stopEvery)
	defer look.Stop()
	for a.n.Load() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
