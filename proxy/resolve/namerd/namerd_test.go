// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/resolve"
)

func TestTreesComeWithTheirExactWeights(t *testing.T) {
	s := newStandIn(t)
	s.say("bind /svc/a", union("33.333", leaf("/#/a", 1, 2), "0.001", union("1.0", leaf("/#/b"), "2.0", leaf("/#/a"))))
	s.say("addr /#/a", bindings(2, 1), "addr /#/b", bindings(3))
	o := follow(t, s.URL, "/svc/a")
	o.knows("33.333*/#/a & 0.001*(/#/b & 2*/#/a); /#/a[1 2]; /#/b[3]")
}

func TestAddressesAreFollowedByThemselves(t *testing.T) {
	s := newStandIn(t)
	s.say("bind /svc/a", leaf("/#/a", 1), "addr /#/a", bindings(1))
	o := follow(t, s.URL, "/svc/a")
	before := o.knows("/#/a; /#/a[1]").Answer
	s.say("addr /#/a", bindings(1, 2))
	o.knows("/#/a; /#/a[1 2]")
	s.say("addr /#/a", bindings())
	o.knows("/#/a; /#/a[]") // an answer, and in force
	s.say("bind /svc/a", leaf("/#/b", 3), "addr /#/b", bindings(3))
	o.knows("/#/b; /#/b[3]")
	if before.Endpoints["/#/a"][0].Addr.Port() != 1 {
		t.Error("an answer was changed after it was given")
	}
}

func TestAnAnswerThatSaysTheSameIsTheSame(t *testing.T) {
	s := newStandIn(t)
	s.say("bind /svc/a", leaf("/#/a", 1, 2), "addr /#/a", bindings(2, 1))
	o := follow(t, s.URL, "/svc/a")
	first := o.wait("both answers", func(s resolve.State) bool { return s.Answers == 2 })
	s.say("addr /#/a", bindings(1, 2))
	now := o.wait("another answer", func(s resolve.State) bool { return s.Answers == 3 })
	if now.Answer != first.Answer {
		t.Error("an equal answer is another value")
	}
}

func TestTheLastGoodAnswerIsKept(t *testing.T) {
	const good = "/#/a; /#/a[1]"
	for _, test := range []struct {
		reason  string
		happens func(*standIn)
		failure string
	}{
		{"a name that is not bound any more", func(s *standIn) { s.say("bind /svc/a", `{"type":"neg"}`) }, "it is bound to nothing (neg)"},
		{"a name that fails on purpose", func(s *standIn) { s.say("bind /svc/a", `{"type":"fail"}`) }, "it is bound to nothing (fail)"},
		{"an empty name", func(s *standIn) { s.say("bind /svc/a", `{"type":"empty"}`) }, "it is bound to nothing (empty)"},
		{"a union of nothing", func(s *standIn) { s.say("bind /svc/a", `{"type":"union","union":[]}`) }, "it is bound to nothing (union)"},
		{"a name whose addresses are not known", func(s *standIn) {
			s.say("bind /svc/a", strings.Replace(leaf("/#/b"), bindings(), `{"type":"failed","cause":"malformed address: x"}`, 1))
		}, "the addresses of /#/b cannot be known: malformed address: x"},
		{"addresses that are gone", func(s *standIn) { s.say("addr /#/a", `{"type":"neg"}`) }, "/#/a has no addresses (neg)"},
		{"addresses that fail", func(s *standIn) { s.say("addr /#/a", `{"type":"failed","cause":"no"}`) }, "the addresses of /#/a cannot be known: no"},
		{"addresses that are pending", func(s *standIn) { s.say("addr /#/a", `{"type":"pending"}`) }, "the addresses of /#/a are awaited"},
		{"a tree that cannot be read", func(s *standIn) { s.say("bind /svc/a", `No route to host`) }, `answers "No route to host": invalid character 'N'`},
		{"a tree of another kind", func(s *standIn) { s.say("bind /svc/a", `{"type":"alt"}`) }, `a node of type "alt"`},
		{"addresses that are none", func(s *standIn) { s.say("addr /#/a", strings.ReplaceAll(bindings(1), "10.0.0.1", "redis")) }, `ip "redis", port 1`},
		{"streams that end", func(s *standIn) {
			s.refuse("bind", http.StatusServiceUnavailable)
			s.end()
		}, "503 Service Unavailable"},
		{"a namerd that is gone", func(s *standIn) { s.Listener.Close(); s.CloseClientConnections() }, "connection refused"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.say("bind /svc/a", leaf("/#/a", 1), "addr /#/a", bindings(1))
			o := follow(t, s.URL, "/svc/a")
			before := o.wait("all is well", func(s resolve.State) bool { return show(s.Answer) == good && s.Answers > 1 && s.Err == nil })
			test.happens(s)
			if after := o.keeps(good, test.failure); after.Failures <= before.Failures || after.Answer != before.Answer {
				t.Errorf("%d failures, %d before; another answer: %v", after.Failures, before.Failures, after.Answer != before.Answer)
			}
		})
	}
}

func TestANamerdThatComesBackIsFollowedAgain(t *testing.T) {
	s := newStandIn(t)
	s.say("bind /svc/a", leaf("/#/a", 1), "addr /#/a", bindings(1))
	o := follow(t, s.URL, "/svc/a")
	o.knows("/#/a; /#/a[1]")
	s.refuse("bind", http.StatusInternalServerError)
	s.refuse("addr", http.StatusInternalServerError)
	s.end()
	o.keeps("/#/a; /#/a[1]", "500 Internal Server Error")
	s.say("bind /svc/a", leaf("/#/a", 2), "addr /#/a", bindings(2))
	s.change(func() { clear(s.codes) })
	o.wait("the newest, and no error", func(s resolve.State) bool { return show(s.Answer) == "/#/a; /#/a[2]" && s.Err == nil })
}

// A bind is not sent again when only addresses have changed, so those of a tree that
// could not be taken must be followed all the same; and those of the one that is kept.
func TestATreeIsTakenOnceItsAddressesAreKnown(t *testing.T) {
	s := newStandIn(t)
	s.say("bind /svc/a", leaf("/#/a", 1), "addr /#/a", bindings(1))
	o := follow(t, s.URL, "/svc/a")
	o.knows("/#/a; /#/a[1]")
	const neg = `{"type":"neg"}`
	s.say("bind /svc/a", strings.Replace(leaf("/#/b"), bindings(), neg, 1), "addr /#/b", neg)
	o.keeps("/#/a; /#/a[1]", "/#/b has no addresses")
	s.say("addr /#/a", bindings(1, 2))
	o.knows("/#/a; /#/a[1 2]")
	s.say("addr /#/b", bindings(3))
	o.wait("the new tree", func(s resolve.State) bool { return show(s.Answer) == "/#/b; /#/b[3]" && s.Err == nil })
}

func TestOneUnknownBranchHoldsUpNoOthers(t *testing.T) {
	s := newStandIn(t)
	const neg = `{"type":"neg"}`
	s.say("bind /svc/a", union("9.0", leaf("/#/a", 1), "1.0", strings.Replace(leaf("/#/b"), bindings(), neg, 1)))
	s.say("addr /#/a", bindings(1), "addr /#/b", neg)
	o := follow(t, s.URL, "/svc/a")
	o.knows("9*/#/a & /#/b; /#/a[1]; /#/b[]")
	o.keeps("9*/#/a & /#/b; /#/a[1]; /#/b[]", "/#/b has no addresses")
	s.say("addr /#/b", bindings(2))
	o.knows("9*/#/a & /#/b; /#/a[1]; /#/b[2]")
	s.say("addr /#/b", neg) // once known, kept
	o.keeps("9*/#/a & /#/b; /#/a[1]; /#/b[2]", "/#/b has no addresses")
}

func TestANamerdThatCannotBeWatchedIsPolled(t *testing.T) {
	for _, test := range []struct {
		reason string
		lacks  func(*standIn)
	}{
		{"no bind", func(s *standIn) { s.refuse("bind", http.StatusNotFound) }},
		{"no addr", func(s *standIn) { s.refuse("addr", http.StatusNotFound) }},
		{"no streams", func(s *standIn) { s.whole = true }},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			test.lacks(s)
			s.say("bind /svc/a", leaf("/#/a", 9), "addr /#/a", bindings(9), "resolve /svc/a", bindings(1, 2))
			o := follow(t, s.URL, "/svc/a")
			o.knows("/svc/a; /svc/a[1 2]")
			s.say("resolve /svc/a", bindings())
			o.knows("/svc/a; /svc/a[]")
			s.say("resolve /svc/a", bindings(3))
			o.knows("/svc/a; /svc/a[3]")
			s.say("resolve /svc/a", `{"type":"neg"}`)
			o.keeps("/svc/a; /svc/a[3]", "/svc/a has no addresses (neg)")
			s.say("resolve /svc/a", `?`)
			o.keeps("/svc/a; /svc/a[3]", "invalid character")
		})
	}
}

// A namerd that was polled may be another one when it is back.
func TestAfterAFailedPollWatchingIsTried(t *testing.T) {
	s := newStandIn(t)
	s.refuse("bind", http.StatusNotFound)
	s.say("bind /svc/a", leaf("/#/a", 1), "addr /#/a", bindings(1), "resolve /svc/a", bindings(9))
	o := follow(t, s.URL, "/svc/a")
	o.knows("/svc/a; /svc/a[9]")
	s.change(func() { s.codes = map[string]int{"resolve": http.StatusInternalServerError} })
	o.knows("/#/a; /#/a[1]")
}

func TestNothingIsKnownBeforeTheFirstAnswer(t *testing.T) {
	o := follow(t, unused(t), "/svc/a")
	if s := o.keeps("nothing", "connection refused"); s.Answers != 0 || s.Failures == 0 {
		t.Errorf("%d answers, %d failures", s.Answers, s.Failures)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	s := newStandIn(t)
	s.refuse("bind", http.StatusFound)
	follow(t, s.URL, "/svc/a").keeps("nothing", "302 Found")
}

func TestAStreamOfOneLineThatNeverEndsIsGivenUp(t *testing.T) {
	s := newStandIn(t)
	s.say("bind /svc/a", strings.Repeat(" ", maxAnswer+1))
	follow(t, s.URL, "/svc/a").keeps("nothing", "token too long")
}

func TestFailuresAreFollowedByPauses(t *testing.T) {
	s := newStandIn(t)
	s.refuse("bind", http.StatusInternalServerError)
	o := follow(t, s.URL, "/svc/a")
	began := time.Now()
	o.wait("three failures", func(s resolve.State) bool { return s.Failures >= 3 })
	if took := time.Since(began); took < 2*leastPause {
		t.Errorf("three attempts within %s", took)
	}
}

func TestTheEndLeavesNothingBehind(t *testing.T) {
	s := newStandIn(t)
	s.say("bind /svc/a", leaf("/#/a", 1), "addr /#/a", bindings(1))
	o := follow(t, s.URL, "/svc/a")
	o.wait("two answers", func(s resolve.State) bool { return s.Answers > 1 })
	o.stop()
	before := o.now()
	s.say("addr /#/a", bindings(2))
	if after := o.now(); after.Answer != before.Answer || after.Failures != before.Failures {
		t.Errorf("told after the end: %s, %v", show(after.Answer), after.Err)
	}
	if n := s.times("bind /svc/a"); n != 1 {
		t.Errorf("%d streams of trees, want 1", n)
	}
}
