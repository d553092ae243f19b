// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// source gives a value, and then each time one that differs from the last. An error
// other than ctx's is its end.
type source[T any] interface {
	Next(ctx context.Context) (T, error)
}

// answer sends the value of a source once, or as it changes if a watch is asked
// for. render ends with a newline.
func answer[T any](s *Server, w http.ResponseWriter, r *http.Request, p params, contentType string, values source[T], render func(T) ([]byte, error)) error {
	ctx, cancel := s.whileRunning(r)
	defer cancel()
	if p.watch() && r.Method != http.MethodHead {
		defer s.metrics.watch()()
		stream(ctx, w, contentType, values, render)
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, s.Wait)
	defer stop()
	value, err := values.Next(ctx)
	if err != nil {
		return err
	}
	body, err := render(value)
	if err != nil {
		return err
	}
	write(w, http.StatusOK, contentType, body)
	return nil
}

// whileRunning ends with the request, or with Run.
func (s *Server) whileRunning(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	if run := s.run.Load(); run != nil {
		stop := context.AfterFunc(*run, cancel)
		return ctx, func() { stop(); cancel() }
	}
	return ctx, cancel
}

// stream sends values until the client goes or the server stops. A client that is
// slow gets the newest when it is ready for it. The end of a source is its message
// and the end of the stream.
func stream[T any](ctx context.Context, w http.ResponseWriter, contentType string, values source[T], render func(T) ([]byte, error)) {
	out := http.NewResponseController(w)
	defer func() { _ = out.SetWriteDeadline(time.Now().Add(grace)) }() // for the last chunk
	w.Header()["Content-Type"] = nil
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(http.StatusOK)
	for chunk := []byte(nil); ; {
		_ = out.SetWriteDeadline(time.Now().Add(stall))
		if _, err := w.Write(chunk); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		var end error
		if chunk, end = next(ctx, values, render); end != nil {
			if !errors.Is(end, ctx.Err()) {
				fmt.Fprintln(w, reason(end))
			}
			return
		}
	}
}

func next[T any](ctx context.Context, values source[T], render func(T) ([]byte, error)) ([]byte, error) {
	value, err := values.Next(ctx)
	if err != nil {
		return nil, err
	}
	return render(value)
}
