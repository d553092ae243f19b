// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wye-dev/wye/test/ports"
)

// backend is a TCP server that answers each line with its name.
type backend struct{ name, host, port string }

// serve starts a backend, which ends with the test.
func (p *place) serve(name string) backend {
	p.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	return p.serveOn(l, name)
}

// serveOn is serve on a listener.
func (p *place) serveOn(l net.Listener, name string) backend {
	p.Helper()
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() { answer(conn, name) })
		}
	})
	p.Cleanup(func() {
		l.Close()
		handlers.Wait()
	})
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		p.Fatal(err)
	}
	return backend{name, host, port}
}

// answer serves one connection to its end: every client of a test hangs up.
func answer(conn net.Conn, name string) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if _, err := fmt.Fprintln(conn, name); err != nil {
			return
		}
	}
}

// announce gives a backend a name and returns its path. What had the name before
// has it no more.
func (p *place) announce(name string, b backend) (path string) {
	p.Helper()
	return p.write(name, b.host+" "+b.port+"\n")
}

// write makes a discovery file and returns the path of its name.
func (p *place) write(name, content string) (path string) {
	p.Helper()
	dir := filepath.Join(w.disco(), p.namespace)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.Fatal(err)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file+".new", []byte(content), 0o644); err != nil {
		p.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil { // nobody reads half a file
		p.Fatal(err)
	}
	return p.path(name)
}

// path is the name of a discovery file, which need not exist.
func (p *place) path(name string) string { return "/#/io.l5d.fs/" + p.namespace + "/" + name }

// reserve finds a port for a route and keeps others from it until the test ends.
func (p *place) reserve() int32 {
	p.Helper()
	return int32(ports.Free(p))
}

// conns are connections through the proxies.
type conns struct {
	*place
	all []*conn
}

type conn struct {
	net.Conn
	lines *bufio.Reader
}

// open opens connections to a route.
func (p *place) open(port int32, n int) conns {
	p.Helper()
	cs := conns{place: p}
	for range n {
		c, err := dial(p.Context(), port)
		if err != nil {
			p.Fatal(err)
		}
		p.Cleanup(func() { c.Close() })
		cs.all = append(cs.all, c)
	}
	return cs
}

// broken begins the answer of a connection that gives none.
const broken = "broken: "

// ask asks on each connection who is there and counts the answers.
func (cs conns) ask() map[string]int {
	cs.Helper()
	answers := map[string]int{} // name of a backend, or what is broken -> how often
	for _, c := range cs.all {
		name, err := c.ask()
		if err != nil {
			name = broken + err.Error()
		}
		answers[name]++
	}
	return answers
}

func dial(ctx context.Context, port int32) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// ask asks who is at the other end.
func (c *conn) ask() (name string, err error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, "who is there?"); err != nil {
		return "", err
	}
	name, err = c.lines.ReadString('\n')
	return strings.TrimSpace(name), err
}

// askOnce asks on a connection of its own.
func askOnce(ctx context.Context, port int32) (name string, err error) {
	c, err := dial(ctx, port)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.ask()
}

// leadsTo waits until a route leads to a backend.
func (p *place) leadsTo(port int32, want string) {
	p.Helper()
	p.eventually(func() error {
		got, err := askOnce(p.Context(), port)
		if err == nil && got != want {
			err = fmt.Errorf("port %d leads to %s, not to %s", port, got, want)
		}
		return err
	})
}
