// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guards

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// world is a proxy that runs as a program, what tells it what to serve, and a backend.
type world struct {
	session *pushtest.Session
	config  *pushv1.Config
	admin   string // "http://HOST:PORT"
	backend netip.AddrPort
}

func start(t *testing.T, bin, plane string) *world {
	t.Helper()
	authority, dir := pushtest.NewAuthority(t), t.TempDir()
	controller := pushtest.Start(t, "127.0.0.1:0", authority)
	ca, token := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "token")
	for file, content := range map[string][]byte{ca: authority.PEM, token: []byte("token")} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	admin := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.Free(t)))
	run(t, filepath.Join(bin, "wye-proxy"), "--controller", controller.Addr, "--controller-name", pushtest.ServerName,
		"--namespace", "ns", "--fleet", "guards", "--pod", "proxy", "--ca-file", ca, "--token-file", token,
		"--admin-addr", admin, "--bind", "127.0.0.1", "--data-plane", plane, "--drain-delay", "0s", "--drain-deadline", "5s")
	w := &world{session: controller.Next(t), admin: "http://" + admin, backend: echo(t), config: &pushv1.Config{}}
	w.config.Pools = []*pushv1.Pool{{Name: "/#/echo", Endpoints: []*pushv1.Endpoint{
		{Address: w.backend.Addr().String(), Port: uint32(w.backend.Port())},
	}}}
	return w
}

// run starts a proxy and ends it with the test.
func run(t *testing.T, file string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), file, args...)
	var log strings.Builder
	command.Stderr = &log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = patience
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the test's context has ended
		if err := command.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the proxy ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the proxy's log:\n%s", &log)
		}
	})
}

// open has the proxy serve what an attack is made on, on a port of its own.
func (w *world) open(t *testing.T, a attack) netip.AddrPort {
	t.Helper()
	port := ports.Free(t)
	name := "tcp/" + strconv.Itoa(port)
	listener := &pushv1.Listener{Name: name, Port: uint32(port)}
	route := &pushv1.Route{
		Name: "guards/" + strings.ReplaceAll(a.name, " ", "-"), Listener: name,
		Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: "echo", Pool: "/#/echo"}}},
	}
	if a.guard != nil {
		a.guard(listener, route)
	}
	w.config.Listeners = append(w.config.Listeners, listener)
	w.config.Routes = append(w.config.Routes, route)
	if a.further != nil {
		further := proto.CloneOf(route)
		a.further(further)
		w.config.Routes = append(w.config.Routes, further)
	}
	w.config.Generation++
	ack := w.session.Push(t, &pushv1.Update{
		Generation: w.config.GetGeneration(), Full: true,
		Listeners: w.config.GetListeners(), Routes: w.config.GetRoutes(), Pools: w.config.GetPools(),
	})
	if len(ack.GetRefused()) > 0 {
		t.Fatalf("refused: %v", ack.GetRefused())
	}
	return netip.AddrPortFrom(w.backend.Addr(), uint16(port))
}

// echo is a backend that sends everything back.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(struct{ io.Writer }{conn}, bufio.NewReaderSize(conn, 512))
			})
		}
	})
	t.Cleanup(func() { l.Close() }) // its connections end with the proxy
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// figure is the sum of the proxy's metrics whose line matches.
func (w *world) figure(t *testing.T, series string) float64 {
	t.Helper()
	response, err := http.Get(w.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	match := regexp.MustCompile(series)
	sum := 0.0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		line := lines.Text()
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' && match.MatchString(line[:i]) {
			n, err := strconv.ParseFloat(line[i+1:], 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}

// active is how many connections the proxy has.
func (w *world) active(t *testing.T) float64 {
	return w.figure(t, "^wye_proxy_(connections|handshakes)_active")
}

func (w *world) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}
