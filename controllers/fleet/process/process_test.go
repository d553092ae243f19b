// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

// machine is a Runtime with its loop running.
type machine struct {
	*Runtime
	t       *testing.T
	written *record
	tokens  *tokens
	events  atomic.Int64
	stop    func() // ends the loop and waits for it
}

func newMachine(t *testing.T, behaviour string) *machine {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, written: &record{}, tokens: &tokens{life: time.Hour}}
	m.Runtime = New(Options{
		Binary: binary, Dir: t.TempDir(), Controller: behaviour, Output: m.written,
		RestartDelay: 10 * time.Millisecond, KillGrace: 50 * time.Millisecond,
	}, m.tokens, func() []byte { return []byte("PEM\n") }, func(types.NamespacedName) { m.events.Add(1) }, logr.Discard())

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	t.Cleanup(m.stop)
	return m
}

func newFleet(name string, replicas int32) *v1alpha1.ProxyFleet {
	return &v1alpha1.ProxyFleet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-of-" + name)},
		Spec: v1alpha1.ProxyFleetSpec{
			Replicas: &replicas,
			Drain:    &v1alpha1.Drain{Delay: &metav1.Duration{}, Deadline: &metav1.Duration{Duration: 50 * time.Millisecond}},
		},
	}
}

func TestProxiesStartAndGetReady(t *testing.T) {
	m := newMachine(t, "good")
	f := newFleet("edge", 2)
	m.apply(f, 6379)
	m.settled(f, "wye-edge-0", "wye-edge-1")
	if m.pid("wye-edge-0") == m.pid("wye-edge-1") {
		t.Error("both proxies are one process")
	}
	if m.events.Load() == 0 {
		t.Error("nobody was told")
	}
	dir := filepath.Join(m.options.Dir, "default", "wye-edge")
	for name, want := range map[string]string{"ca.crt": "PEM\n", "token": "token-1"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		info, statErr := os.Stat(filepath.Join(dir, name))
		if err != nil || statErr != nil || string(got) != want || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %q with %v: %v %v", name, got, info, err, statErr)
		}
	}
	m.eventually("line of each proxy", func() bool {
		text := m.written.String()
		return strings.Contains(text, "[wye-edge-0] serving edge in default\n") &&
			strings.Contains(text, "[wye-edge-1] serving edge in default\n")
	})
}

func TestProxyThatCrashesComesBack(t *testing.T) {
	m := newMachine(t, "good")
	f := newFleet("edge", 2)
	m.apply(f)
	m.settled(f, "wye-edge-0", "wye-edge-1")
	before, other := m.pid("wye-edge-1"), m.pid("wye-edge-0")
	addr, _ := m.AdminAddr(types.NamespacedName{Namespace: "default", Name: "edge"}, "wye-edge-1")
	if _, err := ask(t.Context(), addr, "/crash"); err == nil {
		t.Fatal("it did not crash")
	}
	m.eventually("new process", func() bool { return m.pid("wye-edge-1") != before && m.pid("wye-edge-1") != 0 })
	m.settled(f, "wye-edge-0", "wye-edge-1")
	if m.pid("wye-edge-0") != other {
		t.Error("the other proxy was restarted as well")
	}
	if starts := m.starts(f, "wye-edge-1"); starts != 2 {
		t.Errorf("its state directory saw %d starts, want 2", starts)
	}
}

func TestScalingStopsTheNewestProxies(t *testing.T) {
	m := newMachine(t, "good")
	f := newFleet("edge", 3)
	m.apply(f)
	m.settled(f, "wye-edge-0", "wye-edge-1", "wye-edge-2")
	first, last := m.pid("wye-edge-0"), m.pid("wye-edge-2")

	f.Spec.Replicas = new(int32(1))
	m.apply(f)
	m.settled(f, "wye-edge-0")
	if m.pid("wye-edge-0") != first || alive(last) {
		t.Errorf("first proxy %d is %d, last %d alive: %t", first, m.pid("wye-edge-0"), last, alive(last))
	}
	if _, err := os.Stat(filepath.Join(m.dir(f), "wye-edge-2")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state of a proxy that is gone: %v", err)
	}
	if !strings.Contains(m.written.String(), "[wye-edge-2] draining\n") {
		t.Errorf("it was not asked to drain:\n%s", m.written)
	}

	f.Spec.Replicas = new(int32(2))
	m.apply(f)
	m.settled(f, "wye-edge-0", "wye-edge-1")
}

func TestProxyThatDoesNotDrainIsKilled(t *testing.T) {
	m := newMachine(t, "deaf")
	f := newFleet("edge", 1)
	m.apply(f)
	m.settled(f, "wye-edge-0")
	deaf := m.pid("wye-edge-0")
	f.Spec.Replicas = new(int32(0))
	m.apply(f)
	m.settled(f)
	if alive(deaf) {
		t.Error("it still runs")
	}
}

func TestNewSpecReplacesOneProxyAtATime(t *testing.T) {
	m := newMachine(t, "good")
	f := newFleet("edge", 2)
	m.apply(f)
	m.settled(f, "wye-edge-0", "wye-edge-1")
	old := []int{m.pid("wye-edge-0"), m.pid("wye-edge-1")}

	f.Spec.Drain.Deadline = &metav1.Duration{Duration: 60 * time.Millisecond}
	m.apply(f)
	m.eventually("rolling replacement", func() bool {
		got := m.observe(f)
		if len(got.Proxies) < 1 {
			t.Error("no proxy was left running")
		}
		return got.Updated && got.Ready == 2
	})
	for i, name := range []string{"wye-edge-0", "wye-edge-1"} {
		if alive(old[i]) || m.pid(name) == old[i] {
			t.Errorf("%s was not replaced", name)
		}
	}
}

func TestProxyThatIsNotReadyIsExpectedOnlyLater(t *testing.T) {
	m := newMachine(t, "unready")
	f := newFleet("edge", 1)
	m.apply(f)
	m.eventually("running proxy", func() bool { return m.pid("wye-edge-0") != 0 })
	got := m.observe(f)
	if len(got.Proxies) != 0 || got.Ready != 0 || got.Recheck <= 0 || !got.Updated {
		t.Errorf("observed %+v", got)
	}
}

func TestProxyThatStopsAnsweringIsStillExpected(t *testing.T) {
	m := newMachine(t, "good")
	f := newFleet("edge", 2)
	m.apply(f)
	m.settled(f, "wye-edge-0", "wye-edge-1")
	stopped := m.pid("wye-edge-1")
	if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(stopped, syscall.SIGCONT)
	m.eventually("proxy that is not ready", func() bool { return m.observe(f).Ready == 1 })
	if got := m.observe(f); len(got.Proxies) != 2 {
		t.Errorf("observed %+v", got)
	}
}

func TestProxyThatCannotStartDoesNotStopTheOthers(t *testing.T) {
	m := newMachine(t, "doomed")
	f := newFleet("edge", 2)
	m.apply(f)
	m.eventually("several starts", func() bool { return m.events.Load() >= 8 })
	if got := m.observe(f); got.Ready != 0 || got.Wanted != 2 {
		t.Errorf("observed %+v", got)
	}
}

func TestDeleteLeavesNothing(t *testing.T) {
	m := newMachine(t, "good")
	f := newFleet("edge", 2)
	m.apply(f)
	m.settled(f, "wye-edge-0", "wye-edge-1")
	pids := []int{m.pid("wye-edge-0"), m.pid("wye-edge-1")}
	key := types.NamespacedName{Namespace: "default", Name: "edge"}
	if err := m.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	m.eventually("empty directory", func() bool {
		_, err := os.Stat(m.dir(f))
		return errors.Is(err, os.ErrNotExist)
	})
	if slices.ContainsFunc(pids, alive) {
		t.Error("a proxy of a deleted fleet runs")
	}
	if err := m.Delete(t.Context(), key); err != nil {
		t.Errorf("a second time: %v", err)
	}

	m.apply(f) // made again under the same name
	m.settled(f, "wye-edge-0", "wye-edge-1")
}

func TestNoProxyOutlivesTheLoop(t *testing.T) {
	for _, behaviour := range []string{"good", "deaf"} {
		m := newMachine(t, behaviour)
		f := newFleet("edge", 2)
		m.apply(f)
		m.settled(f, "wye-edge-0", "wye-edge-1")
		pids := []int{m.pid("wye-edge-0"), m.pid("wye-edge-1")}
		m.stop()
		if slices.ContainsFunc(pids, alive) {
			t.Errorf("%s: a proxy outlived the controller", behaviour)
		}
		if _, err := os.Stat(filepath.Join(m.dir(f), "wye-edge-0")); err != nil {
			t.Errorf("%s: the last good config is gone: %v", behaviour, err)
		}
	}
}

func TestPortsAreOfOneFleet(t *testing.T) {
	m := newMachine(t, "good")
	one, two := newFleet("one", 0), newFleet("two", 0)
	m.apply(one, 6379, 7001)
	m.apply(two, 7002)
	err := m.Apply(t.Context(), two, []int32{7001})
	if err == nil || !strings.Contains(err.Error(), "port 7001 is used by fleet default/one") {
		t.Errorf("Apply: %v", err)
	}
	m.apply(one, 6379)
	m.apply(two, 7001)
}

func TestTokensAreRenewed(t *testing.T) {
	m := newMachine(t, "good")
	m.tokens.life = 100 * time.Millisecond
	f := newFleet("edge", 1)
	m.apply(f)
	m.eventually("second token", func() bool {
		got, err := os.ReadFile(filepath.Join(m.dir(f), "token"))
		return err == nil && string(got) != "token-1"
	})

	m.tokens.fail(errors.New("the API server is away"))
	expired := newFleet("other", 1)
	if err := m.Apply(t.Context(), expired, nil); err == nil {
		t.Error("a fleet without a token was applied")
	}
}

func TestApplyWaitsForTheCA(t *testing.T) {
	m := newMachine(t, "good")
	m.ca = func() []byte { return nil }
	if err := m.Apply(t.Context(), newFleet("edge", 1), nil); !errors.Is(err, fleet.ErrNoCA) {
		t.Errorf("Apply: %v", err)
	}
}

func (m *machine) apply(f *v1alpha1.ProxyFleet, ports ...int32) {
	m.t.Helper()
	if err := m.Apply(m.t.Context(), f, ports); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) observe(f *v1alpha1.ProxyFleet) fleet.Observed {
	m.t.Helper()
	got, err := m.Observe(m.t.Context(), f)
	if err != nil {
		m.t.Fatal(err)
	}
	return got
}

// settled waits until these proxies are all that runs, and are ready.
func (m *machine) settled(f *v1alpha1.ProxyFleet, proxies ...string) {
	m.t.Helper()
	want := fleet.Observed{
		Wanted: int32(len(proxies)), Proxies: proxies, Ready: int32(len(proxies)),
		Updated: true, Addresses: []string{"127.0.0.1"},
	}
	var diff string
	defer func() {
		if m.t.Failed() {
			m.t.Logf("%s\n%s", diff, m.written)
		}
	}()
	m.eventually("fleet as wanted", func() bool {
		diff = cmp.Diff(want, m.observe(f))
		return diff == ""
	})
}

func (m *machine) eventually(what string, ok func() bool) {
	m.t.Helper()
	eventually(m.t, what, ok)
}

// pid is the process of a proxy of the fleet "edge"; 0 when it does not answer.
func (m *machine) pid(name string) int {
	addr, ok := m.AdminAddr(types.NamespacedName{Namespace: "default", Name: "edge"}, name)
	if !ok {
		return 0
	}
	n, err := pid(m.t.Context(), addr)
	if err != nil {
		return 0
	}
	return n
}

func (m *machine) dir(f *v1alpha1.ProxyFleet) string {
	return filepath.Join(m.options.Dir, f.Namespace, fleet.Name(f.Name))
}

// starts counts how often a proxy started in its state directory.
func (m *machine) starts(f *v1alpha1.ProxyFleet, name string) int {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir(f), name, "starts"))
	if err != nil {
		m.t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

// tokens is an Identity that numbers its tokens.
type tokens struct {
	mu   sync.Mutex
	life time.Duration
	n    int
	err  error
}

func (i *tokens) Token(context.Context, *v1alpha1.ProxyFleet) (Token, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	return Token{Value: "token-" + string(rune('0'+i.n%10)), Expires: time.Now().Add(i.life)}, i.err
}

func (i *tokens) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err = err
}

// record keeps what is written.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(data)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
