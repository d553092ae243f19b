// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/test/ports"
)

// TestOldConnectionsMoveAtTheRate shifts all of Redis to another server while clients
// are subscribed to the old one.
func TestOldConnectionsMoveAtTheRate(t *testing.T) {
	const clients, perSecond, proxies = 60, 6, 2
	p := newPlace(t, proxies)
	port := p.reserve()
	a, b := p.announce("a", p.redis("a")), p.announce("b", p.redis("b"))
	route := p.route("redis", port, "/svc/redis")
	rate := resource.MustParse(strconv.Itoa(perSecond))
	route.Spec.Migration = &v1alpha1.Migration{Mode: v1alpha1.MigrationRate, PerSecond: &rate}
	p.apply(p.table("default", "/svc/redis => 1 * "+a+" & 0 * "+b), route)
	p.expect(route, ready, verdict{v1alpha1.ConditionMigrating, metav1.ConditionFalse, v1alpha1.ReasonMigrated, nil})
	subscribed := p.subscribe(port, clients)

	began := time.Now()
	p.apply(p.table("default", "/svc/redis => 0 * "+a+" & 1 * "+b))
	p.expect(route, verdict{
		v1alpha1.ConditionMigrating, metav1.ConditionTrue, v1alpha1.ReasonMigrating, []string{"at most 6 per second", "status.staleConnections"},
	})
	if got := p.whoAnswers(port); got != "b" {
		t.Errorf("a new client is answered by %s", got)
	}
	var counts []int64
	p.eventually(func() error {
		p.get(route)
		left := *route.Status.StaleConnections
		if len(counts) == 0 || counts[len(counts)-1] != left {
			counts = append(counts, left)
		}
		if left > 0 {
			return fmt.Errorf("%d connections are left", left)
		}
		return nil
	})
	t.Log("status.staleConnections:", counts)
	if len(counts) < 3 || !slices.IsSortedFunc(counts, func(x, y int64) int { return int(y - x) }) || counts[0] > clients {
		t.Errorf("it does not count down: %v", counts)
	}
	p.expect(route, ready, verdict{v1alpha1.ConditionMigrating, metav1.ConditionFalse, v1alpha1.ReasonMigrated, nil})

	ends := subscribed.wait()
	for i, end := range ends {
		// Each proxy may be one ahead of its part.
		if allowed := perSecond*end.Sub(began).Seconds() + proxies; float64(i+1) > allowed {
			t.Errorf("%d clients had lost their connection after %s; at most %.1f should have", i+1, end.Sub(began), allowed)
		}
	}
	if len(ends) != clients {
		t.Errorf("%d clients lost their connection, want %d", len(ends), clients)
	}
	events, err := w.kubectl(t.Context(), "describe", "tcproute/redis", "--namespace="+p.namespace)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Migrating is True", "Migrating is False"} {
		if !strings.Contains(events, want) {
			t.Errorf("no %q in\n%s", want, events)
		}
	}
}

// redis starts a Redis server, in which the key "who" says its name.
func (p *place) redis(name string) backend {
	p.Helper()
	port := strconv.Itoa(ports.Free(p))
	server := exec.CommandContext(p.Context(), p.program("redis-server"), "--bind", "127.0.0.1", "--port", port,
		"--save", "", "--appendonly", "no", "--dir", p.TempDir())
	if err := server.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = server.Wait() })
	p.eventually(func() error {
		return exec.CommandContext(p.Context(), p.program("redis-cli"), "-p", port, "SET", "who", name).Run()
	})
	return backend{name, "127.0.0.1", port}
}

func (p *place) program(name string) string {
	p.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		p.Fatalf("%v: install redis-server and redis-tools", err)
	}
	return path
}

// whoAnswers asks Redis through the proxies for its name.
func (p *place) whoAnswers(port int32) string {
	p.Helper()
	out, err := exec.CommandContext(p.Context(), p.program("redis-cli"), "-p", strconv.Itoa(int(port)), "GET", "who").Output()
	if err != nil {
		p.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// subscribers are clients of Redis that wait for messages.
type subscribers struct {
	mu   sync.Mutex
	ends []time.Time // guarded by mu: when they lost their connection
	all  sync.WaitGroup
}

// subscribe starts clients, all of which are subscribed when it returns.
func (p *place) subscribe(port int32, n int) *subscribers {
	p.Helper()
	s := &subscribers{}
	for range n {
		client := exec.CommandContext(p.Context(), p.program("redis-cli"), "-p", strconv.Itoa(int(port)), "SUBSCRIBE", "news")
		out, err := client.StdoutPipe()
		if err == nil {
			err = client.Start()
		}
		if err != nil {
			p.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "subscribe" {
			p.Fatalf("redis-cli says %q", lines.Text())
		}
		s.all.Go(func() {
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "Error") {
			}
			s.mu.Lock()
			s.ends = append(s.ends, time.Now())
			s.mu.Unlock()
			_ = client.Process.Kill()
			_ = client.Wait()
		})
	}
	return s
}

// wait waits for all of them, and says when they lost their connections, in order.
func (s *subscribers) wait() []time.Time {
	s.all.Wait()
	slices.SortFunc(s.ends, time.Time.Compare)
	return s.ends
}
