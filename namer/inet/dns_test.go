// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// server is a DNS server on the loopback interface, by UDP and TCP.
type server struct {
	t    *testing.T
	addr string // IP address
	port string

	mu      sync.Mutex
	records map[string][]dns.RR // lower-case name -> records
	rcodes  map[string]int      // name -> answer instead
	alter   func(reply *dns.Msg)
	asked   []question
}

// question is one that a server was asked.
type question struct{ network, name, family string }

// serve starts a server at an address such as 127.0.0.1:0.
func serve(t *testing.T, at string) *server {
	t.Helper()
	s := &server{t: t, records: map[string][]dns.RR{}, rcodes: map[string]int{}}
	packets, listener := listen(t, at)
	var err error
	if s.addr, s.port, err = net.SplitHostPort(packets.LocalAddr().String()); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*dns.Server{{PacketConn: packets, Handler: s}, {Listener: listener, Handler: s}} {
		ended, started := make(chan error, 1), make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- d.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := d.Shutdown(); err != nil {
				t.Error(err)
			}
			<-ended
		})
	}
	return s
}

// listen takes a UDP and a TCP port of the same number. If the kernel is to
// choose it, the number may be taken for the other protocol; then it chooses anew.
func listen(t *testing.T, at string) (net.PacketConn, net.Listener) {
	t.Helper()
	var err error
	for range 10 {
		packets, packetsErr := net.ListenPacket("udp", at)
		if packetsErr != nil {
			t.Fatal(packetsErr)
		}
		var listener net.Listener
		if listener, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			return packets, listener
		}
		packets.Close()
	}
	t.Fatal(err)
	return nil, nil
}

// set replaces the records of a name, given without it: "30 A 10.0.0.1".
func (s *server) set(name string, records ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[name], s.rcodes[name] = nil, dns.RcodeSuccess
	for _, text := range records {
		rr, err := dns.NewRR(name + " " + text)
		if err != nil {
			s.t.Fatal(err)
		}
		s.records[name] = append(s.records[name], rr)
	}
}

// refuse answers a name with an error code.
func (s *server) refuse(name string, rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcodes[name] = rcode
}

// change has every reply altered before it is sent; nil ends that.
func (s *server) change(alter func(reply *dns.Msg)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alter = alter
}

// takeAsked returns the questions since the last call, in the order they came.
func (s *server) takeAsked() []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// ServeDNS answers with all records of the name, as an authoritative server that follows no aliases.
func (s *server) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := query.Question[0]
	name := strings.ToLower(q.Name)
	s.asked = append(s.asked, question{w.LocalAddr().Network(), name, dns.TypeToString[q.Qtype]})
	reply := new(dns.Msg).SetReply(query)
	reply.RecursionAvailable = true
	records, known := s.records[name]
	for _, rr := range records {
		if t := rr.Header().Rrtype; t == q.Qtype || t == dns.TypeCNAME {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	if reply.Rcode = s.rcodes[name]; !known && reply.Rcode == dns.RcodeSuccess {
		reply.Rcode = dns.RcodeNameError
	}
	if s.alter != nil {
		s.alter(reply)
	}
	if w.LocalAddr().Network() == "udp" {
		reply.Truncate(dns.MinMsgSize)
	}
	if err := w.WriteMsg(reply); err != nil {
		s.t.Log(err) // the client may be gone
	}
}

// resolver asks servers; conf are further lines of resolv.conf.
func (s *server) resolver(t *testing.T, conf ...string) *Resolver {
	t.Helper()
	lines := append([]string{"nameserver " + s.addr, "options timeout:1 attempts:1"}, conf...)
	return &Resolver{
		HostsFile:  write(t, "hosts", ""),
		ResolvConf: write(t, "resolv.conf", lines...),
		Port:       s.port,
	}
}

func write(t *testing.T, name string, lines ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
