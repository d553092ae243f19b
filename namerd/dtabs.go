// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/wye-dev/wye/dtab"
)

// list is GET /dtabs, and any other method.
func (s *Server) list(w http.ResponseWriter, r *http.Request, _ string) error {
	p, err := parameters(r)
	if err != nil {
		return err
	}
	if err := s.Access.Read(r, ""); err != nil {
		return err
	}
	values := &lists{read: s.Tables.List}
	return answer(s, w, r, p, mediaJSON, values, renderJSON[[]string])
}

// lists is a source of lists of texts.
type lists struct {
	read func() ([]string, <-chan struct{})
	told bool
	last []string
}

func (l *lists) Next(ctx context.Context) ([]string, error) {
	for {
		now, changed := l.read()
		if !l.told || !slices.Equal(now, l.last) {
			l.told, l.last = true, now
			return now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// get is GET /dtabs/NS.
func (s *Server) get(w http.ResponseWriter, r *http.Request, namespace string) error {
	p, err := parameters(r)
	if err != nil {
		return err
	}
	if err := s.Access.Read(r, namespace); err != nil {
		return err
	}
	media := accepted(r.Header.Values("Accept"))
	render := func(e *Entry) ([]byte, error) { return renderTable(media, e.Table.Dtab()) }
	values := &entries{namespace: namespace, tables: s.Tables}
	if p.watch() {
		return answer(s, w, r, p, media, values, render)
	}
	entry, _ := s.Tables.Get(namespace)
	if entry == nil {
		return ErrNotFound
	}
	body, err := render(entry)
	if err != nil {
		return err
	}
	setETag(w, entry)
	write(w, http.StatusOK, media, body)
	return nil
}

// entries is a source of the versions of a table. It waits for one that is not there.
type entries struct {
	namespace string
	tables    Reader
	last      *Entry
}

func (e *entries) Next(ctx context.Context) (*Entry, error) {
	for {
		now, changed := e.tables.Get(e.namespace)
		if now != nil && now != e.last {
			e.last = now
			return now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// head is HEAD /dtabs/NS.
func (s *Server) head(w http.ResponseWriter, r *http.Request, namespace string) error {
	if err := s.Access.Read(r, namespace); err != nil {
		return err
	}
	entry, _ := s.Tables.Get(namespace)
	if entry == nil {
		return ErrNotFound
	}
	setETag(w, entry)
	write(w, http.StatusOK, "", nil)
	return nil
}

// setETag shows a version as namerd does, without quotes.
func setETag(w http.ResponseWriter, e *Entry) {
	w.Header()["ETag"] = []string{base64.StdEncoding.EncodeToString(e.Version)}
}

// create is POST /dtabs/NS.
func (s *Server) create(w http.ResponseWriter, r *http.Request, namespace string) error {
	writer, err := s.Access.Writer(r)
	if err != nil {
		return err
	}
	table, wrong, err := readTable(w, r)
	switch {
	case err != nil:
		return err
	case wrong != nil && !wrong.always:
		return badRequest("")
	case wrong != nil:
		return badRequest("%s", wrong.text)
	}
	return done(w, writer.Create(r.Context(), namespace, table))
}

// put is PUT /dtabs/NS.
func (s *Server) put(w http.ResponseWriter, r *http.Request, namespace string) error {
	writer, err := s.Access.Writer(r)
	if err != nil {
		return err
	}
	table, wrong, err := readTable(w, r)
	switch {
	case err != nil:
		return err
	case wrong != nil:
		return badRequest("%s", wrong.text)
	}
	return done(w, writer.Put(r.Context(), namespace, table, ifMatch(r)))
}

// delete is DELETE /dtabs/NS.
func (s *Server) delete(w http.ResponseWriter, r *http.Request, namespace string) error {
	writer, err := s.Access.Writer(r)
	if err != nil {
		return err
	}
	return done(w, writer.Delete(r.Context(), namespace))
}

// done answers a write.
func done(w http.ResponseWriter, err error) error {
	if err != nil {
		return storeError{err}
	}
	write(w, http.StatusNoContent, "", nil)
	return nil
}

// ifMatch is the version that a client wants to replace, nil for any. What is no
// version is one that nothing has.
func ifMatch(r *http.Request) []byte {
	stamps := r.Header["If-Match"]
	if len(stamps) == 0 {
		return nil
	}
	version, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(stamps[0], "="))
	if err != nil {
		return []byte{}
	}
	return version
}

// mistake is what is wrong with a table that a client sent.
type mistake struct {
	text   string
	always bool // to be told, also where namerd usually tells nothing
}

// readTable reads a table in the form that its Content-Type says.
func readTable(w http.ResponseWriter, r *http.Request) (dtab.Dtab, *mistake, error) {
	contentType := r.Header.Get("Content-Type")
	media := known(contentType)
	if media == "" {
		return nil, &mistake{text: "Invalid Content-Type \"" + contentType + "\". "}, nil
	}
	body, err := readAll(w, r)
	if err != nil {
		return nil, nil, err
	}
	table, wrong := parseTable(media, body)
	return table, wrong, nil
}
