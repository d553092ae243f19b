// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/socket"
)

func TestEachSideHasItsCongestionControl(t *testing.T) {
	onEveryPlane(t, testEachSideHasItsCongestionControl)
}

func testEachSideHasItsCongestionControl(t *testing.T, plane plane) {
	t.Helper()
	usual, other := algorithms(t)
	for _, test := range []struct{ reason, clients, backends, wantClient, wantBackend string }{
		{"nothing is asked for", "", "", usual, usual},
		{"both sides", other, other, other, other},
		{"clients alone", other, "", other, usual},
		{"backends alone", "", other, usual, other},
		{"what there is not", "no-such", "no-such", usual, usual},
	} {
		d := dispatch(t, start(t, plane, listener.Options{}))
		d.install(test.clients, test.backends)
		if client, backend := d.algorithms(); client != test.wantClient || backend != test.wantBackend {
			t.Errorf("%s: %s towards the client and %s towards the backend, want %s and %s",
				test.reason, client, backend, test.wantClient, test.wantBackend)
		}
	}
}

func TestAChangeOfCongestionControlIsForNewConnections(t *testing.T) {
	onEveryPlane(t, testAChangeOfCongestionControlIsForNewConnections)
}

func testAChangeOfCongestionControlIsForNewConnections(t *testing.T, plane plane) {
	t.Helper()
	usual, other := algorithms(t)
	var log lockedBuilder
	d := dispatch(t, start(t, plane, listener.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}))
	for i, step := range []struct{ asked, want string }{{"", usual}, {other, other}, {"no-such", usual}, {other, other}, {"", usual}} {
		d.install(step.asked, step.asked)
		if client, backend := d.algorithms(); client != step.want || backend != step.want {
			t.Errorf("step %d, %q: %s towards the client and %s towards the backend", i, step.asked, client, backend)
		}
	}
	if n := strings.Count(log.String(), "msg=listening"); n != 1 {
		t.Errorf("the port was opened %d times, want once", n)
	}
}

func TestACongestionControlThatCannotBeHadIsToldOnce(t *testing.T) {
	var log lockedBuilder
	d := dispatch(t, start(t, goroutines, listener.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}))
	for range 3 {
		d.install("no-such", "no-such")
		d.algorithms()
	}
	if n := strings.Count(log.String(), "name=no-such"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, log.String())
	}
}

// algorithms are the kernel's default, and another that everybody may use.
func algorithms(t *testing.T) (usual, other string) {
	t.Helper()
	usual, err := socket.DefaultCongestionControl()
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := os.ReadFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(allowed)) {
		if name != usual {
			return usual, name
		}
	}
	return usual, usual
}

// dispatched is a proxy before a backend that the test accepts for.
type dispatched struct {
	*proxy
	backend *net.TCPListener
}

func dispatch(t *testing.T, p *proxy) *dispatched {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_ = l.SetDeadline(time.Now().Add(patience))
	return &dispatched{proxy: p, backend: l}
}

func (d *dispatched) install(clients, backends string) {
	d.t.Helper()
	config := d.config(leaf("a"), pool("a", endpoint(d.backend.Addr().(*net.TCPAddr).AddrPort())))
	config.Listeners[0].CongestionControl, config.Routes[0].CongestionControl = clients, backends
	if refused := d.try(config); len(refused) > 0 {
		d.t.Fatalf("refused %s", describe(refused))
	}
}

// algorithms of the proxy's two sockets of a connection that is made for that.
func (d *dispatched) algorithms() (client, backend string) {
	d.t.Helper()
	from := d.dial()
	defer from.Close()
	to, err := d.backend.AcceptTCP()
	if err != nil {
		d.t.Fatal(err)
	}
	defer to.Close()
	return d.atPeer(from), d.atPeer(to)
}

// atPeer is the congestion control at the other end of conn, which is in this process.
func (d *dispatched) atPeer(conn *net.TCPConn) string {
	d.t.Helper()
	local, peer := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	var name string
	eventually(d.t, "the other end is there", func() bool {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			d.t.Fatal(err)
		}
		for _, e := range entries {
			fd, _ := strconv.Atoi(e.Name())
			if addrPort(unix.Getsockname(fd)) == peer && addrPort(unix.Getpeername(fd)) == local {
				name, err = socket.CongestionControl(fd)
				return err == nil
			}
		}
		return false
	})
	return name
}

// addrPort is the address of a socket; the zero AddrPort if it is of something else.
func addrPort(address unix.Sockaddr, err error) netip.AddrPort {
	if in, ok := address.(*unix.SockaddrInet4); ok && err == nil {
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
	}
	return netip.AddrPort{}
}
