// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/file"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// simple is a configuration of one server, at one.
const simple = `
admin: {graceSecs: 60}
namers: [{kind: io.l5d.fs, rootDir: DISCO}]
routers: [{label: r, dtab: '/svc => /#/io.l5d.fs/one', servers: [{port: %d, dstName: /svc}]}]
`

// world is a directory of addresses, and backends.
type world struct {
	t     *testing.T
	disco string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, disco: t.TempDir()}
}

// write writes the addresses of a name.
func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.disco, name)
	if err := os.WriteFile(path+".next", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		w.t.Fatal(err)
	}
}

// backend is the address, "IP PORT", of a server that greets with its name and then
// sends back what it gets.
func (w *world) backend(name string) string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprintln(c, name)
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return fmt.Sprintf("127.0.0.1 %d\n", l.Addr().(*net.TCPAddr).Port)
}

// running is a proxy that runs.
type running struct {
	t     *testing.T
	admin string     // "http://HOST:PORT"
	end   chan error // of Run
}

// run runs a proxy from a configuration, at most until the test ends.
func (w *world) run(format string, args ...any) *running {
	w.t.Helper()
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "DISCO", w.disco)
	config, warnings, err := linkerdtcp.Parse("linkerd-tcp.yml", []byte(text))
	if err != nil || len(warnings) > 0 {
		w.t.Fatal(err, warnings)
	}
	source, err := file.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	r := &running{t: w.t, admin: "http://" + l.Addr().String(), end: make(chan error, 1)}
	var ended sync.WaitGroup
	ended.Go(func() {
		r.end <- proxy.Run(ctx, proxy.Options{
			Source: source, Admin: l, DrainDeadline: config.Grace, Log: slog.New(slog.DiscardHandler),
		})
	})
	w.t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	return r
}

// wait waits for Run to return.
func (r *running) wait() error {
	r.t.Helper()
	select {
	case err := <-r.end:
		return err
	case <-time.After(patience):
		r.t.Fatal("the proxy does not end")
		return nil
	}
}

func (r *running) get(path string) (code int, body string) {
	r.t.Helper()
	answer, err := http.Get(r.admin + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// shows waits until the answer for path has text in it.
func (r *running) shows(path, text string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		_, body := r.get(path)
		if strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s has no %q, but: %s", path, text, body)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// client is a connection through the proxy.
type client struct {
	t *testing.T
	net.Conn
	*bufio.Reader
}

func (c *client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (w *world) at(port uint16) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String()
}

func (w *world) dial(address string) *client {
	w.t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.over(conn)
}

// over is a client on a connection, which ends with the test.
func (w *world) over(conn net.Conn) *client {
	w.t.Helper()
	w.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{t: w.t, Conn: conn, Reader: bufio.NewReader(conn)}
}

// greeting is the name of the backend.
func (c *client) greeting() string {
	c.t.Helper()
	line, err := c.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// reach connects, and has been greeted.
func (w *world) reach(port uint16) *client {
	w.t.Helper()
	c := w.dial(w.at(port))
	c.greeting()
	return c
}

// ask is the name of the backend that answers.
func (w *world) ask(port uint16) string {
	w.t.Helper()
	c := w.dial(w.at(port))
	defer c.Close()
	return c.greeting()
}

// works expects bytes to go through and come back.
func (c *client) works() {
	c.t.Helper()
	fmt.Fprintln(c, "ping")
	if got := c.greeting(); got != "ping" {
		c.t.Fatalf("an established connection: got %q", got)
	}
}
