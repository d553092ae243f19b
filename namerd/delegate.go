// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd/names"
)

// delegateWait is how long a delegation may take. (linkerd has the same limit.)
const delegateWait = 2 * time.Second

// delegateIn is /delegate/NS, by any method.
func (s *Server) delegateIn(w http.ResponseWriter, r *http.Request, namespace string) error {
	_, query, err := question(r, namespace)
	if err != nil {
		return err
	}
	return s.answerDelegation(w, r, query)
}

// delegate is /delegate: the namespace, if any, is a parameter, and all parameters
// may come as a JSON object instead.
func (s *Server) delegate(w http.ResponseWriter, r *http.Request, _ string) error {
	p, err := parameters(r)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		if p, err = posted(w, r); err != nil {
			return err
		}
	default:
		return &answerError{code: http.StatusMethodNotAllowed}
	}
	query, err := p.question("")
	if err != nil {
		return err
	}
	query.Namespace = nil
	if namespace, ok := p["namespace"]; ok {
		query.Namespace = &namespace
	}
	return s.answerDelegation(w, r, query)
}

// posted are parameters in a body.
func posted(w http.ResponseWriter, r *http.Request) (params, error) {
	if known(r.Header.Get("Content-Type")) != mediaJSON {
		return nil, &answerError{code: http.StatusUnsupportedMediaType}
	}
	body, err := readAll(w, r)
	if err != nil {
		return nil, err
	}
	var fields struct{ Namespace, Dtab, Path *string }
	if json.Unmarshal(body, &fields) != nil || fields.Dtab == nil || fields.Path == nil {
		return nil, badRequest("Malformed delegation request: %s", short(body))
	}
	p := params{"dtab": *fields.Dtab, "path": *fields.Path}
	if fields.Namespace != nil {
		p["namespace"] = *fields.Namespace
	}
	return p, nil
}

func (s *Server) answerDelegation(w http.ResponseWriter, r *http.Request, query names.Query) error {
	namespace := ""
	if query.Namespace != nil {
		namespace = *query.Namespace
	}
	if err := s.Access.Read(r, namespace); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), delegateWait)
	defer cancel()
	d, err := s.names.Delegate(ctx, query)
	if err != nil {
		return err
	}
	body, err := d.JSON(func(b dtab.Bound) any { return addrOf(d.Addr(b), nil) })
	if err != nil {
		return err
	}
	write(w, http.StatusOK, mediaJSON, body)
	return nil
}

// Delegator answers as /api/1/delegate does, at whatever path it is mounted.
func (s *Server) Delegator() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := s.delegate(w, r, ""); err != nil {
			s.refuse(w, r, err)
		}
	})
}
