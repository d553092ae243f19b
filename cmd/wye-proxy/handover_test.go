// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wye-dev/wye/test/ports"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// dynasty is proxies on the same ports, one after the other.
type dynasty struct {
	t       *testing.T
	args    string   // without the configuration
	config  string   // its text
	admin   string   // HOST:PORT
	servers []string // HOST:PORT of each
	path    string   // of --hand-over
}

func newDynasty(t *testing.T, args string) *dynasty {
	t.Helper()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close() })
	go echo(backend)
	one, two, admin := ports.Free(t), ports.Free(t), ports.Free(t)
	d := &dynasty{t: t, path: filepath.Join(t.TempDir(), "s")}
	d.admin = fmt.Sprintf("127.0.0.1:%d", admin)
	d.servers = []string{fmt.Sprintf("127.0.0.1:%d", one), fmt.Sprintf("127.0.0.2:%d", one), fmt.Sprintf("127.0.0.1:%d", two)}
	d.config = fmt.Sprintf(`
admin: {port: %d, graceSecs: 60}
routers:
- label: r
  dtab: /svc => /$/inet/127.0.0.1/%d
  servers:
  - {port: %d, dstName: /svc}
  - {port: %d, ip: 127.0.0.2, dstName: /svc}
  - {port: %d, dstName: /svc}
`, admin, backend.Addr().(*net.TCPAddr).Port, one, one, two)
	d.args = fmt.Sprintf("%s --drain-delay 0s --hand-over %s -", args, d.path)
	return d
}

// echo sends back what each client says.
func echo(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}

// heir starts the next proxy, and does not wait for anything. There may be more in its
// configuration.
func (d *dynasty) heir(more string) (*exec.Cmd, *bufio.Scanner) {
	d.t.Helper()
	command, log := child(d.t, d.args, d.config+more)
	d.t.Cleanup(func() { _ = command.Process.Kill() })
	return command, log
}

// speak has one connection say something and hear it again.
func (d *dynasty) speak(server string) error {
	conn, err := net.DialTimeout("tcp", server, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetLinger(0) // leaves no port waiting behind
	return converse(conn)
}

func converse(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	said := []byte("said")
	if _, err := conn.Write(said); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, said)
	return err
}

// ready is an error unless a proxy says that it is ready.
func (d *dynasty) ready(client *http.Client) error {
	answer, err := client.Get("http://" + d.admin + "/ready")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return err
}

// crowd is clients that come without a pause.
type crowd struct {
	ended  sync.WaitGroup
	stop   atomic.Bool
	served atomic.Int64
	failed atomic.Int64
}

// during has clients come to every server, and to the admin port, until end is called.
func (d *dynasty) during() (end func() (served int64)) {
	l := &crowd{}
	d.t.Cleanup(func() {
		l.stop.Store(true)
		l.ended.Wait()
	})
	for _, server := range d.servers {
		for range 2 {
			l.repeat(d.t, func() error { return d.speak(server) })
		}
	}
	probe := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	l.repeat(d.t, func() error { return d.ready(probe) })
	return func() int64 {
		l.stop.Store(true)
		l.ended.Wait()
		if n := l.failed.Load(); n > 0 {
			d.t.Errorf("%d of %d connections failed", n, l.served.Load()+n)
		}
		return l.served.Load()
	}
}

func (l *crowd) repeat(t *testing.T, do func() error) {
	l.ended.Go(func() {
		for !l.stop.Load() {
			if err := do(); err != nil {
				t.Error(time.Now().Format(time.StampMicro), err)
				l.failed.Add(1)
				return
			}
			l.served.Add(1)
		}
	})
}

// TestNoConnectionIsRefusedWhileProxiesTakeTurns has ten proxies take over from each
// other while connections come without a pause.
func TestNoConnectionIsRefusedWhileProxiesTakeTurns(t *testing.T) {
	for _, plane := range []string{"loops", "portable"} {
		t.Run(plane, func(t *testing.T) {
			d := newDynasty(t, "--data-plane "+plane)
			proxy, log := d.heir("")
			logged(t, log, "config in service")
			end := d.during()
			for range 10 {
				old, oldLog := proxy, log
				held, err := net.Dial("tcp", d.servers[0])
				if err != nil {
					t.Fatal(err)
				}
				if err := converse(held); err != nil {
					t.Fatal(err)
				}
				proxy, log = d.heir("")
				logged(t, log, "taken over from the process before")
				if err := converse(held); err != nil {
					t.Errorf("a connection from before: %v", err)
				}
				held.Close()
				ends(t, old, oldLog, 0)
			}
			t.Logf("%d connections", end())
			signalProcess(t, proxy, syscall.SIGTERM)
			ends(t, proxy, log, 0)
			if _, err := os.Lstat(d.path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the path is left: %v", err)
			}
		})
	}
}

// unready is a router whose names are never answered.
const unready = `
- label: never
  interpreter: {kind: io.l5d.namerd.http, baseUrl: "http://127.0.0.1:1", namespace: default, periodSecs: 1}
  servers: [{port: 1, ip: 203.0.113.1, dstName: /svc}]
`

func TestAProxyThatDiesBeforeItIsReadyTakesNothingWithIt(t *testing.T) {
	d := newDynasty(t, "")
	proxy, log := d.heir("")
	logged(t, log, "config in service")
	end := d.during()
	for range 5 {
		heir, heirLog := d.heir(unready)
		logged(t, heirLog, "config in service") // what it could resolve
		logged(t, log, "a process is about to take over")
		signalProcess(t, heir, syscall.SIGKILL)
		_ = heir.Wait()
		logged(t, log, "has not taken over; going on")
	}
	next, nextLog := d.heir("")
	ends(t, proxy, log, 0)
	end()
	signalProcess(t, next, syscall.SIGTERM)
	ends(t, next, nextLog, 0)
}

// TestAProxyThatEndsLeavesItsQueueToTheNext ends one while the next is not ready yet:
// clients wait, and are not refused.
func TestAProxyThatEndsLeavesItsQueueToTheNext(t *testing.T) {
	d := newDynasty(t, "")
	proxy, log := d.heir("")
	logged(t, log, "config in service")
	_, heirLog := d.heir(unready)
	logged(t, heirLog, "config in service")
	logged(t, log, "a process is about to take over")
	signalProcess(t, proxy, syscall.SIGTERM)
	ends(t, proxy, log, 0)
	for _, server := range d.servers {
		conn, err := net.Dial("tcp", server)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
}
