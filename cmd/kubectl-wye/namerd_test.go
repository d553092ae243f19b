// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wye-dev/wye/dtab"
)

// What speaks to a namerd. Each script has one of its own at $NAMERD; what it was
// asked is in the file requests.
func TestNamerctl(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/namerctl",
		Setup: func(env *testscript.Env) error {
			requests, err := os.Create(filepath.Join(env.WorkDir, "requests"))
			if err != nil {
				return err
			}
			tables := &namerd{tables: map[string]dtab.Dtab{}, versions: map[string]uint64{}}
			server := httptest.NewServer(record(requests, tables))
			env.Defer(func() {
				server.Close()
				requests.Close()
			})
			env.Setenv("NAMERD", server.URL)
			return nil
		},
	})
}

// record writes down what matters of each request.
func record(to io.Writer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(to, "%s %s\n", r.Method, r.RequestURI)
		for _, name := range []string{"Accept", "Content-Type", "If-Match"} {
			for _, value := range r.Header[name] {
				fmt.Fprintf(to, "%s: %s\n", name, value)
			}
		}
		if len(body) > 0 {
			fmt.Fprintf(to, "%s\n", strings.TrimSuffix(string(body), "\n"))
		}
		fmt.Fprintln(to)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		next.ServeHTTP(w, r)
	})
}

// namerd keeps tables as namerd's HTTP interface does with its memory as storage.
type namerd struct {
	mu       sync.Mutex
	tables   map[string]dtab.Dtab
	versions map[string]uint64
}

func (n *namerd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, name, _ := strings.Cut(r.URL.EscapedPath(), "/api/1/dtabs")
	name = strings.TrimPrefix(name, "/")
	w.Header().Set("Content-Type", "application/json")
	table, exists := n.tables[name]
	switch {
	case name == "teapot":
		w.WriteHeader(http.StatusTeapot)
	case name == "" && r.Method == http.MethodGet:
		fmt.Fprintln(w, n.names())
	case !exists && r.Method != http.MethodPost && r.Method != http.MethodPut:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		w.Header()["ETag"] = []string{n.version(name)}
		text, _ := table.MarshalJSON() // parsed tables always have a text
		fmt.Fprintf(w, "%s\n", text)
	case r.Method == http.MethodDelete:
		delete(n.tables, name)
		delete(n.versions, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && exists:
		w.WriteHeader(http.StatusConflict)
	default:
		w.WriteHeader(n.put(name, r))
	}
}

func (n *namerd) put(name string, r *http.Request) (status int) {
	body, _ := io.ReadAll(r.Body) // of memory
	var table dtab.Dtab
	var err error
	if r.Header.Get("Content-Type") == "application/json" {
		err = table.UnmarshalJSON(body)
	} else {
		table, err = dtab.Parse(string(body))
	}
	match := r.Header.Get("If-Match")
	switch {
	case err != nil:
		return http.StatusBadRequest
	case match != "" && n.versions[name] == 0:
		return http.StatusNotFound
	case match != "" && match != n.version(name):
		return http.StatusPreconditionFailed
	}
	n.tables[name] = table
	n.versions[name]++
	return http.StatusNoContent
}

func (n *namerd) version(name string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, n.versions[name]))
}

func (n *namerd) names() string {
	var names []string
	for name := range n.tables {
		names = append(names, fmt.Sprintf("%q", name))
	}
	return "[" + strings.Join(names, ",") + "]"
}
