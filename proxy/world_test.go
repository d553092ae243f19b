// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/pushtest"
)

// world is a controller, the files of a proxy, and everything on loopback.
type world struct {
	*pushtest.Controller
	authority *pushtest.Authority
	options   proxy.Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{authority: pushtest.NewAuthority(t)}
	w.Controller = pushtest.Start(t, "127.0.0.1:0", w.authority)
	w.options = proxy.Options{
		Config: apply.Options{
			Controller: w.Addr,
			ServerName: pushtest.ServerName,
			CAFile:     filepath.Join(dir, "ca.crt"),
			TokenFile:  filepath.Join(dir, "token"),
			Namespace:  "ns",
			Fleet:      "edge",
			Pod:        "edge-1",
			StateDir:   filepath.Join(dir, "state"),
		},
		Log: slog.New(slog.DiscardHandler),
	}
	for file, text := range map[string]string{w.options.Config.CAFile: string(w.authority.PEM), w.options.Config.TokenFile: "token"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// running is a proxy that runs.
type running struct {
	admin string             // "http://HOST:PORT"
	drain func()             // as the first SIGTERM does
	hurry context.CancelFunc // as the second does
	end   chan error         // of Run
}

// run runs a proxy until it is drained, at the latest when the test ends.
func (w *world) run(t *testing.T) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	drain := make(chan struct{})
	o := w.options
	o.Admin, o.Drain = l, drain
	r := &running{
		admin: "http://" + l.Addr().String(),
		drain: sync.OnceFunc(func() { close(drain) }),
		hurry: cancel,
		end:   make(chan error, 1),
	}
	var ended sync.WaitGroup
	ended.Go(func() { r.end <- proxy.Run(ctx, o) })
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	return r
}

// wait waits for Run to return.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.end:
		return err
	case <-time.After(pushtest.Patience):
		t.Fatal("the proxy does not end")
		return nil
	}
}

// get asks the admin server.
func (r *running) get(t *testing.T, path string) (code int, body string) {
	t.Helper()
	answer, err := http.Get(r.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// shows waits until the answer for path has text in it.
func (r *running) shows(t *testing.T, path, text string) {
	t.Helper()
	eventually(t, func() error {
		if _, body := r.get(t, path); !strings.Contains(body, text) {
			return fmt.Errorf("%s has no %q, but: %s", path, text, body)
		}
		return nil
	})
}

// eventually waits until try succeeds.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(pushtest.Patience); ; {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// backend is a server that greets with its name and then sends back what it gets.
func backend(t *testing.T, name string) *pushv1.Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
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
	return &pushv1.Endpoint{Address: "127.0.0.1", Port: uint32(l.Addr().(*net.TCPAddr).Port)}
}

// client is a connection through the proxy.
type client struct {
	net.Conn
	lines *bufio.Reader
}

// dial connects to a port of the proxy, whether or not it is open yet.
func dial(t *testing.T, port uint32) (*client, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(pushtest.Patience)); err != nil {
		return nil, err
	}
	return &client{Conn: c, lines: bufio.NewReader(c)}, nil
}

// reach connects to a port and expects the greeting of a backend.
func reach(t *testing.T, port uint32, want string) *client {
	t.Helper()
	c, err := dial(t, port)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != want+"\n" {
		t.Fatalf("port %d: reached %q (error %v), want %q", port, got, err, want)
	}
	return c
}

// works expects bytes to go through and come back.
func (c *client) works(t *testing.T) {
	t.Helper()
	fmt.Fprintln(c, "ping")
	if got, err := c.lines.ReadString('\n'); got != "ping\n" {
		t.Fatalf("an established connection: got %q (error %v)", got, err)
	}
}

// shut waits until a port is closed.
func shut(t *testing.T, port uint32) {
	t.Helper()
	eventually(t, func() error {
		if c, err := dial(t, port); err == nil {
			c.Close()
			return fmt.Errorf("port %d is still open", port)
		}
		return nil
	})
}

// config serves one backend on one port: route "ns/NAME".
func config(generation uint64, name string, port uint32, to *pushv1.Endpoint) *pushv1.Update {
	listener := fmt.Sprintf("tcp/%d", port)
	return &pushv1.Update{
		Generation: generation,
		Full:       true,
		Listeners:  []*pushv1.Listener{{Name: listener, Port: port}},
		Routes: []*pushv1.Route{{
			Name: "ns/" + name, Listener: listener, Hash: "00",
			Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: name, Pool: "/#/" + name}}},
		}},
		Pools: []*pushv1.Pool{{Name: "/#/" + name, Endpoints: []*pushv1.Endpoint{to}}},
	}
}
