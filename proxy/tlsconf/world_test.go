// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// patience is how long a client may take.
const patience = 20 * time.Second

// world is an authority, a store, and a directory for what clients need.
type world struct {
	t         *testing.T
	authority *pushtest.Authority
	store     *tlsconf.Store
	dir       string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, authority: pushtest.NewAuthority(t), store: &tlsconf.Store{}, dir: t.TempDir()}
	w.write("ca.pem", w.authority.PEM)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name string, text []byte) string {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.path(name)
}

// put puts a new identity into the store, with its name as the certificate's common name.
func (w *world) put(name string, hosts ...string) *tlsconf.Identity {
	w.t.Helper()
	identity, err := tlsconf.Parse(w.authority.Identity(w.t, append([]string{name}, hosts...)...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.Put(name, identity)
	return identity
}

func (w *world) config(o tlsconf.Server) *tls.Config {
	w.t.Helper()
	config, err := w.store.Server(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return config
}

// serve is the address of a web server behind a config. It says "reached NAME".
func (w *world) serve(config *tls.Config) string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(out, "reached "+r.TLS.ServerName+"\n")
		}),
		ReadHeaderTimeout: patience,
		ErrorLog:          log.New(io.Discard, "", 0),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
	}
	go func() { _ = server.Serve(tls.NewListener(l, config)) }()
	w.t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

// run is what a client says, on either output.
func (w *world) run(stdin, name string, args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &out
	if err := command.Run(); ctx.Err() != nil || out.Len() == 0 {
		w.t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out.String()
}

// openssl asks for a page.
func (w *world) openssl(address string, args ...string) string {
	w.t.Helper()
	return w.run("GET / HTTP/1.0\r\n\r\n", "openssl", append([]string{
		"s_client", "-connect", address, "-CAfile", w.path("ca.pem"), "-verify_return_error", "-ign_eof",
	}, args...)...)
}

// wants expects texts in what a client says.
func (w *world) wants(reason, out string, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			w.t.Errorf("%s: no %q in:\n%s", reason, text, out)
		}
	}
}
