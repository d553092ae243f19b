// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// pair is a proxy before two real Redis servers, the second of which is paused.
type pair struct {
	t     *testing.T
	port  int
	admin string // "http://HOST:PORT"
	held  *exec.Cmd
}

// redis starts a server.
func redis(t *testing.T) (port int, command *exec.Cmd) {
	t.Helper()
	port = ports.Free(t)
	command = exec.CommandContext(t.Context(), program(t, "redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", strconv.Itoa(port),
		"--save", "", "--appendonly", "no", "--tcp-backlog", "8", "--dir", t.TempDir())
	serve(t, command, "Ready to accept connections")
	t.Cleanup(func() { _ = command.Process.Signal(syscall.SIGCONT) }) // so that it can end
	return port, command
}

func newPair(t *testing.T, portable bool, settings *pushv1.PoolSettings) *pair {
	t.Helper()
	first, _ := redis(t)
	second, held := redis(t)
	p := &pair{t: t, port: ports.Free(t), held: held}
	dir, authority := t.TempDir(), pushtest.NewAuthority(t)
	controller := pushtest.Start(t, "127.0.0.1:0", authority)
	options := proxy.Options{
		Portable: portable,
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
		Config: apply.Options{
			Controller: controller.Addr, ServerName: pushtest.ServerName,
			CAFile: filepath.Join(dir, "ca.crt"), TokenFile: filepath.Join(dir, "token"),
			Namespace: "ns", Fleet: "edge", Pod: "edge-1", StateDir: filepath.Join(dir, "state"),
		},
	}
	for file, text := range map[string][]byte{options.Config.CAFile: authority.PEM, options.Config.TokenFile: []byte("token")} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if options.Admin, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.admin = "http://" + options.Admin.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = proxy.Run(ctx, options) }) // that it was told to end at once is no matter
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	pool := &pushv1.Pool{Name: "redis", Settings: settings}
	for _, port := range []int{first, second} {
		pool.Endpoints = append(pool.Endpoints, &pushv1.Endpoint{Address: "127.0.0.1", Port: uint32(port)})
	}
	name := fmt.Sprint("tcp/", p.port)
	controller.Next(t).Push(t, &pushv1.Update{
		Generation: 1, Full: true,
		Listeners: []*pushv1.Listener{{Name: name, Port: uint32(p.port), Address: "127.0.0.1"}},
		Routes: []*pushv1.Route{{
			Name: "ns/redis", Listener: name, Hash: "h", Timeouts: &pushv1.Timeouts{Connect: durationpb.New(time.Second)},
			Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: "redis", Pool: "redis"}}},
		}},
		Pools: []*pushv1.Pool{pool},
	})
	p.until("it serves", func() bool { return p.ping(time.Second) })
	return p
}

// ping tells whether a server answers a new client in time.
func (p *pair) ping(within time.Duration) bool {
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", p.port))
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && answer == "+PONG\r\n"
}

// load has many clients ping, and returns how many were not answered.
func (p *pair) load() (failed, all int) {
	const threads, each = 4, 100
	var bad atomic.Int32
	var running sync.WaitGroup
	for range threads {
		running.Go(func() {
			for range each {
				if !p.ping(5 * time.Second) {
					bad.Add(1)
				}
			}
		})
	}
	running.Wait()
	return int(bad.Load()), threads * each
}

// endpoints in a state, by the proxy's metrics.
func (p *pair) endpoints(state string) int {
	p.t.Helper()
	answer, err := http.Get(p.admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "wye_proxy_endpoints{") && strings.Contains(line, `state="`+state+`"`) {
			n, err := strconv.Atoi(line[strings.LastIndex(line, " ")+1 : len(line)-1])
			if err != nil {
				p.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func (p *pair) until(what string, holds func() bool) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			p.t.Fatalf("still waiting: %s", what)
		}
	}
}

func (p *pair) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.held.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// outAndBack pauses a server, has the proxy find out while clients come, and lets it go on.
func (p *pair) outAndBack(state string) {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	began, lost := time.Now(), 0
	p.until("the paused server is out", func() bool {
		if !p.ping(200 * time.Millisecond) {
			lost++
		}
		return p.endpoints(state) == 1
	})
	p.t.Logf("out after %s, in which %d clients were not answered", time.Since(began).Round(time.Millisecond), lost)
	if failed, all := p.load(); failed > 0 {
		p.t.Errorf("%d of %d clients were not answered though the paused server was out", failed, all)
	}
	p.signal(syscall.SIGCONT)
	began = time.Now()
	p.until("the server is back", func() bool {
		if !p.ping(5 * time.Second) {
			p.t.Error("a client was not answered")
		}
		return p.endpoints("available") == 2
	})
	p.t.Logf("back after %s", time.Since(began).Round(time.Millisecond))
	if failed, all := p.load(); failed > 0 {
		p.t.Errorf("%d of %d clients were not answered", failed, all)
	}
}

func onBothPlanes(t *testing.T, test func(t *testing.T, portable bool)) {
	t.Helper()
	t.Run("loops", func(t *testing.T) { test(t, false) })
	t.Run("portable", func(t *testing.T) { test(t, true) })
}

// Its kernel accepts connections for a paused server. A check that expects an answer
// finds that out.
func TestAPausedRedisFailsItsChecks(t *testing.T) {
	onBothPlanes(t, func(t *testing.T, portable bool) {
		newPair(t, portable, &pushv1.PoolSettings{HealthCheck: &pushv1.HealthCheck{
			Interval: durationpb.New(100 * time.Millisecond), Timeout: durationpb.New(200 * time.Millisecond),
			UnhealthyThreshold: 2, HealthyThreshold: 1,
			Send: []byte("PING\r\n"), Expect: []byte("+PONG"),
		}}).outAndBack("unhealthy")
	})
}

// Once the queue of its socket is full, attempts to connect get no answer.
func TestAPausedRedisIsTakenOutOnceItsQueueIsFull(t *testing.T) {
	onBothPlanes(t, func(t *testing.T, portable bool) {
		newPair(t, portable, &pushv1.PoolSettings{
			Balancing: &pushv1.Balancing{Policy: pushv1.BalancingPolicy_BALANCING_POLICY_ROUND_ROBIN},
			FailureAccrual: &pushv1.FailureAccrual{
				ConsecutiveFailures: 3, MinPenalty: durationpb.New(4 * time.Second), MaxPenalty: durationpb.New(4 * time.Second),
			},
		}).outAndBack("ejected")
	})
}
