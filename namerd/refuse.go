// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/wye-dev/wye/dtab"
)

// answerError is an answer that is an error. Many of namerd's have no text.
type answerError struct {
	code int
	text string
}

func (e *answerError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.text) }

func badRequest(format string, args ...any) error {
	return &answerError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// refuse answers a request with an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	answer := answerTo(err)
	if answer.code == http.StatusInternalServerError {
		s.Log.Log(r.Context(), severity(err), "a request went wrong", "method", r.Method, "path", r.URL.Path, "error", err)
		// namerd says nothing here, and linkerd says in this header what went wrong.
		w.Header().Set("l5d-err", url.QueryEscape(reason(err)))
	}
	if answer.code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	write(w, answer.code, "text/plain; charset=utf-8", []byte(answer.text))
}

// answerTo gives namerd's code for an error, and its text, if it has one.
func answerTo(err error) answerError {
	var answer *answerError
	var invalid *InvalidError
	switch {
	case errors.As(err, &answer):
		return *answer
	case errors.As(err, &invalid):
		return answerError{http.StatusBadRequest, invalid.Reason}
	case errors.Is(err, ErrNotFound):
		return answerError{code: http.StatusNotFound}
	case errors.Is(err, ErrExists):
		return answerError{code: http.StatusConflict}
	case errors.Is(err, ErrMismatch):
		return answerError{code: http.StatusPreconditionFailed}
	case errors.Is(err, ErrUnauthenticated):
		return answerError{http.StatusUnauthorized, err.Error()}
	case errors.Is(err, ErrForbidden):
		return answerError{http.StatusForbidden, err.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return answerError{http.StatusServiceUnavailable, "Request timed out."}
	}
	return answerError{code: http.StatusInternalServerError}
}

// storeError is an error of a write.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// severity of an error: that a name cannot be bound is nothing wrong with the server.
func severity(err error) slog.Level {
	if errors.As(err, new(storeError)) {
		return slog.LevelError
	}
	return slog.LevelDebug
}

// reason is what linkerd says of an error: without the name that led to it.
func reason(err error) string {
	if at, ok := errors.AsType[*dtab.PathError](err); ok {
		return at.Err.Error()
	}
	return err.Error()
}

// write is a whole answer. An empty content type stays empty: nothing is guessed.
func write(w http.ResponseWriter, code int, contentType string, body []byte) {
	setWriteDeadline(w)
	w.Header()["Content-Type"] = nil
	if len(body) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
	}
	w.WriteHeader(code)
	_, _ = w.Write(body) // the client has gone, and nobody is left to be told
}

// readAll reads a body of limited size and time.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	defer setReadDeadline(w)()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &answerError{http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return nil, badRequest("the body ends too early")
	}
	return body, nil
}
