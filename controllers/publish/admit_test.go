// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func TestProxiesAreAdmittedOrTurnedAway(t *testing.T) {
	r := newRig(t, nil)
	of := func(namespace, fleet, pod string) *pushv1.Hello {
		return &pushv1.Hello{Namespace: namespace, Fleet: fleet, Pod: pod, Version: "v1"}
	}
	for _, test := range []struct {
		reason string
		token  string
		hello  *pushv1.Hello
		want   codes.Code
		says   string // part of the message
		counts string // under this reason
	}{
		{"no token", "", of("shop", "edge", "edge-0"), codes.Unauthenticated, "no bearer token", denyNoToken},
		{"nobody's token", "forged", of("shop", "edge", "edge-0"), codes.Unauthenticated, "not valid", denyToken},
		{"a token that cannot be reviewed", "no-answer", of("shop", "edge", "edge-0"), codes.Unavailable, "now", denyReview},
		{
			"another fleet's account", "other", of("shop", "edge", "edge-0"),
			codes.PermissionDenied, "shop/wye-other is not wye-edge", denyAccount,
		},
		{
			"an account of the same name elsewhere", "other-shop", of("shop", "edge", "edge-0"),
			codes.PermissionDenied, "not in the namespace", denyAccount,
		},
		{
			"elsewhere, a fleet that does not exist: not told from one that does", "other-shop", of("shop", "none", "edge-0"),
			codes.PermissionDenied, "not in the namespace", denyAccount,
		},
		{"another pod", "edge-0", of("shop", "edge", "edge-1"), codes.PermissionDenied, "pod edge-0", denyPod},
		{"no such fleet", "edge", of("shop", "none", "edge-0"), codes.NotFound, "shop/none", denyFleet},
		{"a fleet that cannot be looked up", "edge", of("shop", "unclear", "edge-0"), codes.Unavailable, "now", ""},
		{"no pod", "edge", of("shop", "edge", ""), codes.InvalidArgument, "name", denyHello},
		{"a pod with a bad name", "edge", of("shop", "edge", "edge 0"), codes.InvalidArgument, "edge 0", denyHello},
		{
			"a version without end", "edge", &pushv1.Hello{Namespace: "shop", Fleet: "edge", Pod: "p", Version: strings.Repeat("v", 129)},
			codes.InvalidArgument, "version", denyHello,
		},
	} {
		before := 0.0
		if test.counts != "" {
			before = testutil.ToFloat64(r.server.metrics.denied.WithLabelValues(test.counts))
		}
		p := r.dial(t, test.token, test.hello, nil)
		got := p.ends(t)
		if got.Code() != test.want || !strings.Contains(got.Message(), test.says) {
			t.Errorf("%s: %v, want %v with %q", test.reason, got, test.want, test.says)
		}
		if strings.Contains(got.Message(), "forged") {
			t.Errorf("%s: the message gives the token away", test.reason)
		}
		if test.counts != "" && testutil.ToFloat64(r.server.metrics.denied.WithLabelValues(test.counts)) != before+1 {
			t.Errorf("%s is not counted under %s", test.reason, test.counts)
		}
	}
	r.book.Publish(edge, two())
	r.dial(t, "edge-0", of("shop", "edge", "edge-0"), nil).receive(t)
	r.dial(t, "edge", of("shop", "edge", "edge-1"), nil).receive(t)
}

func TestTheFirstMessageMustBeAHello(t *testing.T) {
	r := newRig(t, nil)
	p := r.dial(t, "edge", nil, nil)
	p.ack(t)
	if got := p.ends(t); got.Code() != codes.InvalidArgument {
		t.Errorf("the session ends with %v", got)
	}
	p = r.connect(t, "edge-0")
	p.send(t, &pushv1.SyncRequest{Message: &pushv1.SyncRequest_Hello{Hello: hello("edge-0")}})
	if got := p.ends(t); got.Code() != codes.InvalidArgument {
		t.Errorf("after a second hello the session ends with %v", got)
	}
}

func TestHelloMustComeInTime(t *testing.T) {
	r := newRig(t, func(o *Options) { o.HelloTimeout = 50 * time.Millisecond })
	if got := r.dial(t, "edge", nil, nil).ends(t); got.Code() != codes.DeadlineExceeded {
		t.Errorf("the session ends with %v", got)
	}
}

func TestUnknownMessagesArePassedOver(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	p.receive(t)
	p.send(t, &pushv1.SyncRequest{})
	p.ack(t)
	r.acked(t, 1, 1)
}

func TestTheDoorBoundsStrangers(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	d := newDoor(ln, 2)
	accepted := make(chan *guest)
	go func() {
		for {
			conn, err := d.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- conn.(*guest)
		}
	}()
	knock := func() net.Conn {
		conn, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		must(t, conn.SetReadDeadline(time.Now().Add(patience)))
		return conn
	}
	knock()
	first := <-accepted
	knock()
	second := <-accepted
	third := knock()
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("a third stranger got in")
	}
	first.leave() // vouched for
	first.Close() // counts once
	knock()
	fourth := <-accepted
	second.Close()
	knock()
	(<-accepted).Close()
	fourth.Close()
	if got := d.guests.Load(); got != 0 {
		t.Errorf("%d guests are left", got)
	}
}

func TestAdmittedProxiesAreNoStrangers(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxStrangers = 1 })
	r.book.Publish(edge, two())
	for i := range 5 {
		r.connect(t, fmt.Sprintf("edge-%d", i)).receive(t)
	}
	stranger := r.dial(t, "edge", nil, nil) // says no hello
	await(t, "the door is full", nil, func() bool {
		conn, err := net.Dial("tcp", r.address)
		must(t, err)
		defer conn.Close()
		must(t, conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err = conn.Read(make([]byte, 1))
		return !errors.Is(err, os.ErrDeadlineExceeded)
	})
	stranger.close()
	await(t, "there is room again", nil, func() bool {
		conn, err := net.Dial("tcp", r.address)
		must(t, err)
		defer conn.Close()
		must(t, conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err = conn.Read(make([]byte, 1))
		return errors.Is(err, os.ErrDeadlineExceeded)
	})
}
