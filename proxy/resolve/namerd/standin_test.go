// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/resolve"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// standIn is an HTTP server that speaks as namerd does, and says what a test has it
// say. Questions are keyed "bind /svc/a", "addr /#/a" and "resolve /svc/a".
type standIn struct {
	*httptest.Server

	mu      sync.Mutex
	says    map[string]string // question -> its answer; mu guards it and the rest
	codes   map[string]int    // question, or its first word -> a status other than 200
	whole   bool              // streams are answered once, with a length
	asked   map[string]int    // question -> how often
	changed chan struct{}     // closed and replaced with each change
	cut     chan struct{}     // closed and replaced to end all streams
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{
		says: map[string]string{}, codes: map[string]int{}, asked: map[string]int{},
		changed: make(chan struct{}), cut: make(chan struct{}),
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.end()
		s.Close()
	})
	return s
}

// say answers questions: pairs of a question and its answer.
func (s *standIn) say(pairs ...string) {
	s.change(func() {
		for i := 0; i < len(pairs); i += 2 {
			s.says[pairs[i]] = pairs[i+1]
		}
	})
}

// refuse answers a question, or all that begin with a word, with a status.
func (s *standIn) refuse(question string, code int) {
	s.change(func() { s.codes[question] = code })
}

func (s *standIn) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// end ends all streams.
func (s *standIn) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
	s.cut = make(chan struct{})
}

func (s *standIn) times(question string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[question]
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/api/1/"), "/default")
	if !ok || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	question := what + " " + r.URL.Query().Get("path")
	s.mu.Lock()
	s.asked[question]++
	code, whole, cut := s.codes[question]+s.codes[what], s.whole, s.cut
	s.mu.Unlock()
	switch {
	case code != 0:
		w.WriteHeader(code)
	case r.URL.Query().Get("watch") != "true" || whole:
		text, _ := s.now(question)
		w.Header().Set("Content-Length", fmt.Sprint(len(text)+1))
		fmt.Fprintln(w, text)
	default:
		s.stream(w, r, question, cut)
	}
}

func (s *standIn) now(question string) (string, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.says[question], s.changed
}

func (s *standIn) stream(w http.ResponseWriter, r *http.Request, question string, cut chan struct{}) {
	last := ""
	for {
		text, changed := s.now(question)
		if text != last {
			fmt.Fprintln(w, text)
		}
		last = text
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// leaf is a tree of one name with addresses on 10.0.0.1.
func leaf(id string, ports ...int) string {
	return fmt.Sprintf(`{"type":"leaf","bound":{"addr":%s,"id":"%s","path":"/"}}`, bindings(ports...), id)
}

// bindings is a bound address set.
func bindings(ports ...int) string {
	addrs := make([]string, len(ports))
	for i, port := range ports {
		addrs[i] = fmt.Sprintf(`{"ip":"10.0.0.1","port":%d,"meta":{}}`, port)
	}
	return fmt.Sprintf(`{"type":"bound","addrs":[%s],"meta":{}}`, strings.Join(addrs, ","))
}

func union(weighted ...any) string {
	var branches []string
	for i := 0; i < len(weighted); i += 2 {
		branches = append(branches, fmt.Sprintf(`{"weight":%v,"tree":%s}`, weighted[i], weighted[i+1]))
	}
	return fmt.Sprintf(`{"type":"union","union":[%s]}`, strings.Join(branches, ","))
}

// observer is told what becomes known.
type observer struct {
	t      *testing.T
	mu     sync.Mutex
	state  resolve.State // mu guards it
	change chan struct{} // has a value when there is another state
	stop   func()        // ends the following, and waits for it
}

// follow follows a name at a namerd.
func follow(t *testing.T, base, name string) *observer {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	client := New(Options{BaseURL: u, Namespace: "default", Period: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	o := &observer{t: t, change: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { client.Follow(ctx, dtab.MustParsePath(name), o.tell) })
	o.stop = func() { cancel(); following.Wait() }
	t.Cleanup(o.stop)
	return o
}

func (o *observer) tell(s resolve.State) {
	o.mu.Lock()
	o.state = s
	o.mu.Unlock()
	select {
	case o.change <- struct{}{}:
	default:
	}
}

func (o *observer) now() resolve.State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state
}

// wait waits for a state.
func (o *observer) wait(what string, is func(resolve.State) bool) resolve.State {
	o.t.Helper()
	limit := time.After(patience)
	for {
		if s := o.now(); is(s) {
			return s
		}
		select {
		case <-o.change:
		case <-limit:
			s := o.now()
			o.t.Fatalf("still waiting: %s; it is %s, error %v, %d answers, %d failures", what, show(s.Answer), s.Err, s.Answers, s.Failures)
		}
	}
}

// knows waits for an answer.
func (o *observer) knows(want string) resolve.State {
	o.t.Helper()
	return o.wait(want, func(s resolve.State) bool { return show(s.Answer) == want })
}

// keeps waits for a failure with text in it, after which the answer must be want.
func (o *observer) keeps(want, failure string) resolve.State {
	o.t.Helper()
	s := o.wait(failure, func(s resolve.State) bool { return s.Err != nil && strings.Contains(s.Err.Error(), failure) })
	if diff := cmp.Diff(want, show(s.Answer)); diff != "" {
		o.t.Errorf("after %v (-want +got):\n%s", s.Err, diff)
	}
	return s
}

// show writes an answer as the tree, and the ports of each name.
func show(a *resolve.Answer) string {
	if a == nil {
		return "nothing"
	}
	text := dtab.FormatTreeExact(a.Tree)
	seen := map[string]bool{}
	resolve.ForNames(a.Tree, func(id dtab.Path) {
		if name := id.String(); !seen[name] {
			seen[name] = true
			text += fmt.Sprintf("; %s%v", name, ports(a.Endpoints[name]))
		}
	})
	return text
}

func ports(endpoints []namer.Endpoint) []uint16 {
	list := []uint16{}
	for _, e := range endpoints {
		list = append(list, e.Addr.Port())
	}
	return list
}

// unused is the URL of a server that is not there.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}
