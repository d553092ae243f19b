// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
)

// text is a short form of an answer: addresses and their TTL, or errors.
func text(a Answer) string {
	var parts []string
	for _, r := range []Records{a.V4, a.V6} {
		for _, addr := range r.Addrs {
			parts = append(parts, addr.String())
		}
		if len(r.Addrs) > 0 {
			parts = append(parts, r.TTL.String())
		}
		if r.Err != nil {
			parts = append(parts, r.Err.Error())
		}
	}
	return strings.Join(parts, " ")
}

// anyOrder compares questions as sets: the two families are asked for at once.
var anyOrder = cmp.Options{
	cmp.AllowUnexported(question{}),
	cmpopts.SortSlices(func(a, b question) bool { return a.network+a.name+a.family < b.network+b.name+b.family }),
}

func expectAnswer(t *testing.T, r *Resolver, host, want string) {
	t.Helper()
	if got := text(r.Lookup(t.Context(), host)); got != want {
		t.Errorf("%s: got %q, want %q", host, got, want)
	}
}

func TestLookupOfBothFamilies(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	s.set("redis.test.", "30 A 10.0.0.1", "20 A 10.0.0.2", "60 AAAA fd00::1")
	s.set("four.test.", "30 A 10.0.0.1")
	s.set("six.test.", "30 AAAA fd00::1")
	s.set("none.test.", "30 TXT x")
	r := s.resolver(t)
	expectAnswer(t, r, "redis.test", "10.0.0.1 10.0.0.2 20s fd00::1 1m0s")
	expectAnswer(t, r, "REDIS.test.", "10.0.0.1 10.0.0.2 20s fd00::1 1m0s")
	expectAnswer(t, r, "four.test", "10.0.0.1 30s")
	expectAnswer(t, r, "six.test", "fd00::1 30s")
	expectAnswer(t, r, "none.test", "")
	expectAnswer(t, r, "missing.test", "")
	s.takeAsked()
	for _, text := range []string{"", ".", "a..b", "a b", "a/b", "caf\u00e9", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a"} {
		expectAnswer(t, r, text, "")
	}
	if asked := s.takeAsked(); len(asked) > 0 {
		t.Errorf("asked for %v", asked)
	}
}

func TestAliasesAreFollowed(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	s.set("a.test.", "30 CNAME b.test.")
	s.set("b.test.", "5 CNAME c.test.")
	s.set("c.test.", "60 A 10.0.0.1")
	s.set("loop.test.", "30 CNAME loop.test.")
	s.set("odd.test.", "30 CNAME even.test.")
	s.set("even.test.", "30 CNAME odd.test.")
	s.set("lost.test.", "30 CNAME missing.test.")
	r := s.resolver(t)
	expectAnswer(t, r, "a.test", "10.0.0.1 5s")
	expectAnswer(t, r, "lost.test", "")
	for _, host := range []string{"loop.test", "odd.test"} {
		if a := r.Lookup(t.Context(), host); a.found() {
			t.Errorf("%s: %s", host, text(a))
		}
	}
}

func TestAliasesFollowedByTheServer(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	s.set("a.test.", "30 CNAME b.test.")
	s.change(func(reply *dns.Msg) {
		if reply.Question[0].Qtype == dns.TypeAAAA {
			soa, _ := dns.NewRR("test. 30 SOA ns.test. admin.test. 1 1 1 1 1")
			reply.Ns = append(reply.Ns, soa)
			return
		}
		for _, text := range []string{"b.test. 7 CNAME c.test.", "c.test. 60 A 10.0.0.1", "d.test. 60 A 10.0.0.66"} {
			rr, _ := dns.NewRR(text)
			reply.Answer = append([]dns.RR{rr}, reply.Answer...) // the order does not matter
		}
	})
	expectAnswer(t, s.resolver(t), "a.test", "10.0.0.1 7s")
	want := []question{{"udp", "a.test.", "A"}, {"udp", "a.test.", "AAAA"}} // one question is enough
	if diff := cmp.Diff(want, s.takeAsked(), anyOrder); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestLongAnswersComeByTCP(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("30 A 10.0.0.%d", i))
	}
	s.set("redis.test.", records...)
	a := s.resolver(t).Lookup(t.Context(), "redis.test")
	if len(a.V4.Addrs) != 200 {
		t.Errorf("%d addresses", len(a.V4.Addrs))
	}
	want := []question{{"tcp", "redis.test.", "A"}, {"udp", "redis.test.", "A"}, {"udp", "redis.test.", "AAAA"}}
	if diff := cmp.Diff(want, s.takeAsked(), anyOrder); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestSearchList(t *testing.T) {
	cases := []struct {
		reason, host string
		records      []string // names that exist
		conf         string
		want         []string // names asked for, in order
	}{
		{"few dots: the list first", "redis", []string{"redis.prod.svc.test."}, "options ndots:5", []string{"redis.prod.svc.test."}},
		{"through the list", "redis.web", []string{"redis.web.svc.test."}, "options ndots:5", []string{"redis.web.prod.svc.test.", "redis.web.svc.test."}},
		{"then as it is", "redis.web", []string{"redis.web."}, "options ndots:5", []string{"redis.web.prod.svc.test.", "redis.web.svc.test.", "redis.web."}},
		{"many dots: as it is first", "redis.web", []string{"redis.web."}, "options ndots:1", []string{"redis.web."}},
		{"a final dot: only as it is", "redis.", nil, "options ndots:5", []string{"redis."}},
	}
	for _, c := range cases {
		s := serve(t, "127.0.0.1:0")
		for _, name := range c.records {
			s.set(name, "30 A 10.0.0.1")
		}
		a := s.resolver(t, "search prod.svc.test svc.test", c.conf).Lookup(t.Context(), c.host)
		if a.found() != (len(c.records) > 0) || a.Err() != nil {
			t.Errorf("%s: %s", c.reason, text(a))
		}
		var order []string
		for _, q := range s.takeAsked() {
			if q.family == "A" {
				order = append(order, q.name)
			}
		}
		if diff := cmp.Diff(c.want, order); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", c.reason, diff)
		}
	}
}

func TestNextServerIsAskedWhenOneDoesNotKnow(t *testing.T) {
	second := serve(t, "127.0.0.1:0")
	first := serve(t, net.JoinHostPort("127.0.0.2", second.port))
	second.set("redis.test.", "30 A 10.0.0.1")
	r := first.resolver(t, "nameserver "+second.addr)
	lame := func(reply *dns.Msg) { reply.RecursionAvailable, reply.Rcode = false, dns.RcodeSuccess }
	wrong := func(reply *dns.Msg) { reply.Question[0].Name = "other.test." }
	for reason, spoil := range map[string]func(){
		"fails":            func() { first.refuse("redis.test.", dns.RcodeServerFailure) },
		"refuses":          func() { first.refuse("redis.test.", dns.RcodeRefused) },
		"refers elsewhere": func() { first.set("redis.test."); first.change(lame) },
		"answers wrongly":  func() { first.set("redis.test.", "30 A 10.0.0.66"); first.change(wrong) },
	} {
		first.change(nil)
		spoil()
		if got, want := text(r.Lookup(t.Context(), "redis.test")), "10.0.0.1 30s"; got != want {
			t.Errorf("%s: got %q, want %q", reason, got, want)
		}
	}
}

func TestErrorsAreNotTakenForMissingNames(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	s.refuse("redis.prod.test.", dns.RcodeServerFailure)
	r := s.resolver(t, "search prod.test")
	cause := "look up redis.prod.test.: ask 127.0.0.1:" + s.port + ": the reply is SERVFAIL"
	expectAnswer(t, r, "redis", cause+" "+cause)

	s.set("redis.", "30 A 10.0.0.1")
	expectAnswer(t, r, "redis", "10.0.0.1 30s")

	s.set("half.test.", "30 A 10.0.0.1")
	s.change(func(reply *dns.Msg) {
		if reply.Question[0].Qtype == dns.TypeAAAA {
			reply.Rcode = dns.RcodeServerFailure
		}
	})
	expectAnswer(t, r, "half.test", "10.0.0.1 30s look up half.test.: ask 127.0.0.1:"+s.port+": the reply is SERVFAIL")
}

func TestServerThatIsAwayHasAStableError(t *testing.T) {
	// A port of which nobody else will listen: it is held for TCP only.
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_, port, _ := net.SplitHostPort(held.Addr().String())
	s := &server{addr: "127.0.0.1", port: port}
	r := s.resolver(t)
	first := text(r.Lookup(t.Context(), "redis.test"))
	if !strings.HasPrefix(first, "look up redis.test.: ask 127.0.0.1:"+port+": ") {
		t.Errorf("got %q", first)
	}
	expectAnswer(t, r, "redis.test", first)
}

func TestSilentServerTimesOut(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, port, _ := net.SplitHostPort(silent.LocalAddr().String())
	s := &server{addr: "127.0.0.1", port: port}
	r := s.resolver(t)
	cause := "look up redis.test.: ask 127.0.0.1:" + port + ": timed out"
	expectAnswer(t, r, "redis.test", cause+" "+cause)

	patient := s.resolver(t, "options timeout:60")
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	time.AfterFunc(50*time.Millisecond, cancel)
	if a := patient.Lookup(ctx, "redis.test"); a.Err() == nil || time.Since(began) > 30*time.Second {
		t.Errorf("cancelled lookup took %v: %s", time.Since(began), text(a))
	}
}

func TestHostsFileComesFirst(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	s.set("redis1.", "30 A 10.0.0.1")
	s.set("redis2.", "30 A 10.0.0.2")
	r := s.resolver(t)
	r.HostsFile = write(t, "hosts", "# comment", "10.9.9.9 Redis1 alias # redis2", "fd00::9\tredis1.", "bad redis2", "10.0.0.3", "")
	expectAnswer(t, r, "redis1", "10.9.9.9 5s fd00::9 5s")
	expectAnswer(t, r, "ALIAS.", "10.9.9.9 5s")
	expectAnswer(t, r, "redis2", "10.0.0.2 30s")

	if err := os.WriteFile(r.HostsFile, []byte("10.8.8.8 redis2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expectAnswer(t, r, "redis1", "10.0.0.1 30s")
	expectAnswer(t, r, "redis2", "10.8.8.8 5s")
}

func TestResolvConfIsReadAgain(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	s.set("redis.a.test.", "30 A 10.0.0.1")
	s.set("redis.other.test.", "30 A 10.0.0.2")
	r := s.resolver(t, "search a.test")
	expectAnswer(t, r, "redis", "10.0.0.1 30s")
	conf := "nameserver 127.0.0.1\nsearch other.test\n"
	if err := os.WriteFile(r.ResolvConf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	expectAnswer(t, r, "redis", "10.0.0.2 30s")
}

func TestMissingFilesAreEmpty(t *testing.T) {
	conf := parseConf(contents("/does/not/exist"))
	if conf.Servers[0] != "127.0.0.1" || conf.Attempts < 1 || conf.Timeout < 1 {
		t.Errorf("%+v", conf)
	}
	if h := parseHosts(contents("/does/not/exist")); len(h) != 0 {
		t.Errorf("%v", h)
	}
}
