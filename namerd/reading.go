// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"net/http"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// bind is /bind/NS: the tree that a name is bound to, with addresses.
func (s *Server) bind(w http.ResponseWriter, r *http.Request, namespace string) error {
	p, query, err := question(r, namespace)
	if err != nil {
		return err
	}
	if err := s.Access.Read(r, namespace); err != nil {
		return err
	}
	values := s.names.Bind(query)
	defer values.Close()
	return answer(s, w, r, p, "", values, renderTree)
}

// resolve is /resolve/NS: the addresses of one of the names that a name is bound to.
func (s *Server) resolve(w http.ResponseWriter, r *http.Request, namespace string) error {
	p, query, err := question(r, namespace)
	if err != nil {
		return err
	}
	if err := s.Access.Read(r, namespace); err != nil {
		return err
	}
	values := s.names.Resolve(query)
	defer values.Close()
	return answer(s, w, r, p, mediaJSON, values, renderAddr)
}

// addr is /addr/NS: the addresses of a concrete name. The namespace plays no part,
// and what transformers put in front neither.
func (s *Server) addr(w http.ResponseWriter, r *http.Request, _ string) error {
	p, err := parameters(r)
	if err != nil {
		return err
	}
	path, err := p.path()
	if err != nil {
		return err
	}
	if err := s.Access.Read(r, ""); err != nil {
		return err
	}
	values := s.names.Addr(untransformed(path))
	defer values.Close()
	return answer(s, w, r, p, "", values, renderAddr)
}

// untransformed cuts a transformer's prefix: /%/ and what follows up to the name.
func untransformed(path dtab.Path) dtab.Path {
	if len(path) == 0 || path[0] != "%" {
		return path
	}
	for i, segment := range path {
		if segment == "#" || segment == "$" {
			return path[i:]
		}
	}
	return path
}

// boundNames is GET /bound-names.
func (s *Server) boundNames(w http.ResponseWriter, r *http.Request, _ string) error {
	p, err := parameters(r)
	if err != nil {
		return err
	}
	if err := s.Access.Read(r, ""); err != nil {
		return err
	}
	return answer(s, w, r, p, mediaJSON, &lists{read: s.enumerate}, renderJSON[[]string])
}

// enumerate are the texts of all names that namers know. (namerd shows a list of
// none as [""].)
func (s *Server) enumerate() ([]string, <-chan struct{}) {
	if s.BoundNames == nil {
		return []string{}, nil
	}
	paths, changed := s.BoundNames.Names()
	texts := make([]string, len(paths))
	for i, path := range paths {
		texts[i] = path.String()
	}
	return texts, changed
}

func renderAddr(a namer.Addr) ([]byte, error) {
	return renderJSON(addrOf(a, nil))
}
