// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wye-dev/wye/namerd"
	"github.com/wye-dev/wye/namerd/inmemory"
)

// What speaks to a namerd. Each script has one of its own at $NAMERD; what it was
// asked is in the file requests.
func TestNamerctl(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/namerctl",
		Setup: func(env *testscript.Env) error {
			store := inmemory.New(nil)
			api, err := namerd.NewServer(namerd.Options{Tables: store, Access: namerd.Everybody(store)})
			if err != nil {
				return err
			}
			requests, err := os.Create(filepath.Join(env.WorkDir, "requests"))
			if err != nil {
				return err
			}
			server := httptest.NewServer(record(requests, api))
			env.Defer(func() {
				server.Close()
				requests.Close()
			})
			env.Setenv("NAMERD", server.URL)
			return nil
		},
	})
}

// A token is for the server that it was given for, and for nobody whom that names.
func TestATokenDoesNotFollowARedirect(t *testing.T) {
	asked := make(chan string, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
	}))
	defer elsewhere.Close()
	namerd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("it is asked with %q", got)
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer namerd.Close()
	command := exec.CommandContext(t.Context(), "kubectl-wye", "dtab", "list", "--base-url", namerd.URL, "--token", "secret")
	if out, err := command.Output(); err == nil || string(out) != "unexpected response: 307 Temporary Redirect\n" {
		t.Errorf("%v: %s", err, out)
	}
	select {
	case token := <-asked:
		t.Errorf("another server was asked, with %q", token)
	default:
	}
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
