// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// show is a short text of a state: id, residual and addresses.
func show(s namer.State) string {
	switch {
	case s.Err != nil:
		return "error: " + s.Err.Error()
	case s.Tree.Kind == dtab.Neg:
		return "neg"
	}
	texts := []string{s.Tree.Leaf.Bound.ID.String()}
	if len(s.Tree.Leaf.Bound.Residual) > 0 {
		texts = append(texts, "residual "+s.Tree.Leaf.Bound.Residual.String())
	}
	return strings.Join(append(texts, showAddr(s.Addr)), " ")
}

func showAddr(a namer.Addr) string {
	switch a.State {
	case namer.AddrPending:
		return "pending"
	case namer.AddrNeg:
		return "no address"
	case namer.AddrFailed:
		return "failed: " + a.Cause
	}
	var addrs []string
	for _, e := range a.Endpoints {
		addrs = append(addrs, e.Addr.String())
	}
	return strings.Join(addrs, " ")
}

func TestNamesThatNeedNoLookup(t *testing.T) {
	cases := []struct{ path, want string }{
		{"/$/inet/127.1/6379", "/$/inet/127.1/6379 127.0.0.1:6379"},
		{"/$/inet/10.0.0.1/80/rest/of", "/$/inet/10.0.0.1/80 residual /rest/of 10.0.0.1:80"},
		{"/$/inet/::1/80", "/$/inet/::1/80 [::1]:80"},
		{"/$/inet/8080", "/$/inet/8080 127.0.0.1:8080"},
		{"/$/inet/8080/rest", "/$/inet/8080 residual /rest 127.0.0.1:8080"},
		{"/$/inet/8080/9090", "/$/inet/8080/9090 0.0.31.144:9090"},
		{"/$/fixedinet/127.1/6379", "/$/fixedinet/127.1/6379 127.0.0.1:6379"},
		{"/$/io.buoyant.rinet/6379/127.1/rest", "/$/io.buoyant.rinet/6379/127.1 residual /rest 127.0.0.1:6379"},
		{"/$/io.buoyant.rinet/6379", "neg"},
		{"/$/inet/127.1/65535", "/$/inet/127.1/65535 127.0.0.1:65535"},
		{"/$/inet/127.1/65536", "/$/inet/127.1/65536 failed: port out of range: 65536"},
		{"/$/inet/127.1/0", "/$/inet/127.1/0 failed: port out of range: 0"},
		{"/$/inet/redis/-1", "/$/inet/redis/-1 failed: port out of range: -1"},
		{"/$/inet/70000", "/$/inet/70000 failed: port out of range: 70000"},
		{"/$/io.buoyant.rinet/http/127.1", "/$/io.buoyant.rinet/http/127.1 failed: port out of range: http"},
		{"/$/inet/no..host/80", "/$/inet/no..host/80 no address"},
		{`/$/inet/\x00/80`, `/$/inet/\x00/80 no address`},
		{"/$/inet/redis/http", "error: " + (&dtab.UnknownNamerError{Kind: "inet", Path: dtab.MustParsePath("/$/inet/redis/http")}).Error()},
		{"/$/inet", "error: " + (&dtab.UnknownNamerError{Kind: "inet", Path: dtab.MustParsePath("/$/inet")}).Error()},
	}
	n := New(Options{})
	for _, c := range cases {
		var said []string
		n.Watch(dtab.MustParsePath(c.path), func(s namer.State) { said = append(said, show(s)) })()
		if diff := cmp.Diff([]string{c.want}, said); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.path, diff)
		}
	}
}

// script answers lookups as a test says, and notes when they came.
type script struct {
	mu     sync.Mutex
	answer Answer
	times  []time.Time
}

func (s *script) Lookup(context.Context, string) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Now())
	return s.answer
}

func (s *script) set(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// takeGaps returns the times between lookups since the last call.
func (s *script) takeGaps() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gaps []time.Duration
	for i := 1; i < len(s.times); i++ {
		gaps = append(gaps, s.times[i].Sub(s.times[i-1]))
	}
	s.times = s.times[max(0, len(s.times)-1):]
	return gaps
}

func records(ttl time.Duration, addrs ...string) Records {
	r := Records{TTL: ttl}
	for _, a := range addrs {
		r.Addrs = append(r.Addrs, netip.MustParseAddr(a))
	}
	return r
}

// scene is a namer that follows one name in a synctest bubble.
type scene struct {
	t      *testing.T
	script *script
	namer  *Namer
	stop   func()

	mu    sync.Mutex
	state namer.State // that was said last; mu guards it
	count int         // of what was said; mu guards it
}

func (s *scene) note(state namer.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
	s.count++
}

// said waits until nothing more is said for now.
func (s *scene) said() (state namer.State, count int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.count
}

// play runs a scene that begins with an answer.
func play(t *testing.T, path string, first Answer, act func(*scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, script: &script{answer: first}}
		s.namer = New(Options{Hosts: s.script})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		s.stop = s.namer.Watch(dtab.MustParsePath(path), s.note)
		if _, count := s.said(); count != 0 {
			t.Error("said something before Run")
		}
		go func() { ended <- s.namer.Run(ctx) }()
		synctest.Wait()
		act(s)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (s *scene) expect(want string) {
	s.t.Helper()
	state, _ := s.said()
	if got := showAddr(state.Addr); got != want {
		s.t.Errorf("said %q, want %q", got, want)
	}
}

// pass lets time go by and expects the times between lookups.
func (s *scene) pass(d time.Duration, gaps ...time.Duration) {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if diff := cmp.Diff(gaps, s.script.takeGaps()); diff != "" {
		s.t.Errorf("times between lookups (-want +got):\n%s", diff)
	}
}

func TestHostIsLookedUpAgainWhenItsTTLIsOver(t *testing.T) {
	play(t, "/$/inet/redis/6379", Answer{V4: records(10*time.Second, "10.0.0.2", "10.0.0.1"), V6: records(7*time.Second, "fd00::1")}, func(s *scene) {
		s.expect("10.0.0.1:6379 10.0.0.2:6379 [fd00::1]:6379")
		s.script.set(Answer{V4: records(0, "10.0.0.3")})
		s.pass(7*time.Second, 7*time.Second)
		s.expect("10.0.0.3:6379")
		s.script.set(Answer{V4: records(time.Hour, "10.0.0.4")}) // no TTL: the least
		s.pass(time.Second, time.Second)
		s.expect("10.0.0.4:6379")
		s.pass(time.Minute, 30*time.Second, 30*time.Second) // a long TTL: the most
	})
}

func TestAddressesStayWhenTheLookupFails(t *testing.T) {
	broken := Records{Err: errors.New("timed out")}
	play(t, "/$/inet/redis/6379", Answer{V4: records(5*time.Second, "10.0.0.1"), V6: records(5*time.Second, "fd00::1")}, func(s *scene) {
		s.script.set(Answer{V4: broken, V6: broken})
		s.pass(70*time.Second, 5*time.Second, 1*time.Second, 2*time.Second, 4*time.Second, 8*time.Second, 16*time.Second, 30*time.Second)
		s.expect("10.0.0.1:6379 [fd00::1]:6379")
		s.script.set(Answer{}) // denied
		s.pass(40*time.Second, 30*time.Second, 5*time.Second, 5*time.Second)
		s.expect("10.0.0.1:6379 [fd00::1]:6379")
		s.script.set(Answer{V4: records(5*time.Second, "10.0.0.2"), V6: broken}) // half an answer
		s.pass(5*time.Second, 5*time.Second, 1*time.Second, 2*time.Second)
		s.expect("10.0.0.2:6379 [fd00::1]:6379")
		s.script.set(Answer{V4: records(5*time.Second, "10.0.0.2")})
		s.pass(5*time.Second, 4*time.Second)
		s.expect("10.0.0.2:6379")
	})
}

func TestHostThatIsNotKnownAtFirst(t *testing.T) {
	play(t, "/$/inet/redis/6379", Answer{}, func(s *scene) {
		s.expect("no address")
		s.pass(11*time.Second, 5*time.Second, 5*time.Second)
		s.script.set(Answer{V4: Records{Err: errors.New("timed out")}})
		s.pass(5*time.Second, 5*time.Second, 1*time.Second)
		s.expect("failed: timed out")
		s.script.set(Answer{V4: records(5*time.Second, "10.0.0.1")})
		s.pass(2*time.Second, 2*time.Second)
		s.expect("10.0.0.1:6379")
	})
}

func TestFixedHostIsLookedUpOnce(t *testing.T) {
	play(t, "/$/fixedinet/redis/6379", Answer{}, func(s *scene) {
		s.expect("no address")
		s.script.set(Answer{V4: records(time.Second, "10.0.0.1")})
		s.pass(5*time.Second, 5*time.Second)
		s.expect("10.0.0.1:6379")
		s.script.set(Answer{V4: records(time.Second, "10.0.0.2")})
		s.pass(time.Hour)
		s.expect("10.0.0.1:6379")
	})
}

func TestNamesOfOneHostShareItsLookups(t *testing.T) {
	play(t, "/$/inet/redis/6379", Answer{V4: records(10*time.Second, "10.0.0.1")}, func(s *scene) {
		stopAdmin := s.namer.Watch(dtab.MustParsePath("/$/inet/redis/80"), s.note)
		if state, _ := s.said(); show(state) != "/$/inet/redis/80 10.0.0.1:80" {
			t.Errorf("said %q at once", show(state))
		}
		stopAdmin()
		stopSwapped := s.namer.Watch(dtab.MustParsePath("/$/io.buoyant.rinet/81/redis"), func(namer.State) {})
		s.stop()
		_, before := s.said()
		s.pass(25*time.Second, 10*time.Second, 10*time.Second)
		if _, after := s.said(); after != before {
			t.Error("said something after stop")
		}
		stopSwapped()
		s.pass(time.Hour)
		if len(s.namer.hosts) != 0 {
			t.Errorf("left over: %v", s.namer.hosts)
		}
	})
}

func TestStopDuringALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Options{Hosts: hanging{}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		synctest.Wait()
		var stops []func()
		for i := range 2 * concurrent { // more than may look up at once
			path := dtab.Path{"$", "inet", fmt.Sprint("redis", i), "80"}
			stops = append(stops, n.Watch(path, func(s namer.State) { t.Errorf("said %s", show(s)) }))
		}
		synctest.Wait()
		for _, stop := range stops {
			stop()
		}
		synctest.Wait()
		cancel()
		<-ended
	})
}

// hanging answers only when it is told to stop.
type hanging struct{}

func (hanging) Lookup(ctx context.Context, _ string) Answer {
	<-ctx.Done()
	return Answer{V4: Records{Err: ctx.Err()}}
}

func TestTableFollowsADNSServer(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	s.set("redis.test.", "0 A 10.0.0.1")
	n := New(Options{Hosts: s.resolver(t, "search test"), MinTTL: 5 * time.Millisecond, MaxTTL: 20 * time.Millisecond})
	rang := make(chan struct{}, 1)
	table, err := namer.NewTable(func(string) {
		select {
		case rang <- struct{}{}:
		default:
		}
	}, n.Mounts()...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	path := dtab.MustParsePath("/$/inet/redis/6379")
	table.Want("test", []dtab.Path{path})
	expect := func(want string) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for {
			state, ok := table.View().State(path)
			if ok && showAddr(state.Addr) == want {
				return
			}
			select {
			case <-rang:
			case <-deadline:
				t.Fatalf("known %v, %q; want %q", ok, showAddr(state.Addr), want)
			}
		}
	}
	expect("10.0.0.1:6379")
	s.set("redis.test.", "1000 AAAA fd00::1", "1000 A 10.0.0.2")
	expect("10.0.0.2:6379 [fd00::1]:6379")
	s.refuse("redis.test.", dns.RcodeServerFailure)
	s.set("redis.test.", "0 A 10.0.0.3")
	expect("10.0.0.3:6379")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
