// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// private starts a backend that speaks TLS for a host, and answers each line with its
// name. It returns the path of its name.
func (s *secured) private(name, host string) string {
	s.Helper()
	pair, err := tls.X509KeyPair(s.authority.Identity(s, host))
	if err != nil {
		s.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		s.Fatal(err)
	}
	return s.announce(name, s.serveOn(l, name))
}

// asks returns who answers a client that asks for a host on a port.
func (s *secured) asks(port int32, host string) (string, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.authority.PEM)
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{RootCAs: roots, ServerName: host}}
	conn, err := dialer.DialContext(s.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(conn, "who?"); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(conn)
	lines.Scan()
	return lines.Text(), lines.Err()
}

// TestRoutesShareAPort: while clients come and go, a route joins two others on their port,
// under names of its own, and another that wants one of those is told who has it.
func TestRoutesShareAPort(t *testing.T) {
	s := newSecured(t, 2)
	plain := s.serve("ended")
	passed := s.route("passed", s.reserve(), s.private("passed", "passed.test"))
	passed.Spec.Hostnames = []v1alpha1.Hostname{"passed.test"}
	port := passed.Spec.Port
	ended := s.terminating("ended", s.announce("ended", plain), "cert")
	ended.Spec.Port, ended.Spec.Hostnames = port, []v1alpha1.Hostname{"*.ended.test"}
	s.apply(s.secret("cert", "a.ended.test"), passed, ended)
	s.expect(passed, ready)
	s.expect(ended, ready)

	stop := make(chan struct{})
	var clients sync.WaitGroup
	for host, want := range map[string]string{"passed.test": "passed", "a.ended.test": "ended"} {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got, err := s.asks(port, host); got != want || err != nil {
					t.Errorf("%s is answered by %q, %v", host, got, err)
					return
				}
			}
		})
	}
	late := s.route("late", port, s.private("late", "late.test"))
	late.Spec.Hostnames = []v1alpha1.Hostname{"late.test"}
	s.apply(late)
	s.expect(late, ready)
	if got, err := s.asks(port, "late.test"); got != "late" || err != nil {
		t.Errorf("late.test is answered by %q, %v", got, err)
	}
	wants := s.route("wants", port, s.path("late"))
	wants.Spec.Hostnames = []v1alpha1.Hostname{"wants.test", "late.test"}
	s.apply(wants)
	s.expect(wants, not(v1alpha1.ConditionAccepted, v1alpha1.ReasonConflicted,
		fmt.Sprintf("host name late.test of port %d is held by TCPRoute %s/late", port, s.namespace)))
	if got, err := s.asks(port, "wants.test"); err == nil {
		t.Errorf("wants.test is answered by %q", got)
	}
	s.delete(late)
	s.expect(wants, ready)
	close(stop)
	clients.Wait()
}
