// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/pushtest"
)

func TestSessionOpensWithHelloAndFollowsUpdates(t *testing.T) {
	p, c := connect(t)
	s := c.Next(t)
	want := &pushv1.Hello{Namespace: "ns", Fleet: "edge", Pod: "edge-1", Version: "v0", Reports: true}
	if diff := cmp.Diff(want, s.Hello, protocmp.Transform()); diff != "" {
		t.Errorf("hello (-want +got):\n%s", diff)
	}
	p.wait(t, "connected before the first update", connected)
	p.serves(t, apply.SourceNone, nil)

	s.Push(t, full(1))
	p.serves(t, apply.SourceController, config(1))

	ack := s.Push(t, &pushv1.Update{Generation: 2, Pools: []*pushv1.Pool{{Name: "p"}}})
	if diff := cmp.Diff(&pushv1.Ack{Generation: 2}, ack, protocmp.Transform()); diff != "" {
		t.Errorf("ack (-want +got):\n%s", diff)
	}
	both := config(1)
	both.Generation, both.Pools = 2, []*pushv1.Pool{{Name: "p"}}
	p.serves(t, apply.SourceController, both)
}

func TestRefusalsAreAckedAndAckedAgainWhenTheyChange(t *testing.T) {
	p, c := connect(t)
	taken := &pushv1.Refusal{
		Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_LISTENER, Name: "tcp/1"},
		Reason:   pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE,
		Message:  "address already in use",
	}
	p.plane.refuse(taken)
	s := c.Next(t)
	want := &pushv1.Ack{Generation: 1, Refused: []*pushv1.Refusal{taken}}
	if diff := cmp.Diff(want, s.Push(t, full(1)), protocmp.Transform()); diff != "" {
		t.Errorf("ack (-want +got):\n%s", diff)
	}

	p.Recheck() // nothing has changed: nothing is said
	p.plane.refuse()
	p.Recheck()
	if diff := cmp.Diff(&pushv1.Ack{Generation: 1}, s.Ack(t), protocmp.Transform()); diff != "" {
		t.Errorf("ack once the port is free (-want +got):\n%s", diff)
	}
}

func TestSessionComesBackWithTheGenerationHeld(t *testing.T) {
	p, c := connect(t)
	c.Next(t).Push(t, full(3))
	c.Stop()
	away := p.wait(t, "away", func(s apply.Status) bool { return !s.Connected && s.Away != nil })
	p.serves(t, apply.SourceController, config(3))
	if away.Since.IsZero() {
		t.Error("it does not say since when")
	}

	s := pushtest.Start(t, c.Addr, p.authority).Next(t)
	if got := s.Hello.GetGeneration(); got != 3 {
		t.Errorf("hello has generation %d, want 3", got)
	}
	p.serves(t, apply.SourceController, config(3))
	s.Push(t, full(4))
	p.serves(t, apply.SourceController, config(4))
}

func TestFollowerIsDialledAnewUntilItLeads(t *testing.T) {
	p, c := connect(t)
	s := c.Next(t)
	c.Refuse(status.Error(codes.Unavailable, "not the leader"))
	s.End(status.Error(codes.Unavailable, "not the leader any more"))
	p.wait(t, "refused by the follower", func(s apply.Status) bool {
		return !s.Connected && strings.Contains(s.Away.Error(), "not the leader")
	})
	c.Refuse(nil)
	c.Next(t).Push(t, full(1))
	p.serves(t, apply.SourceController, config(1))
}

func TestDifferenceWithoutBaseEndsTheSessionAndChangesNothing(t *testing.T) {
	p, c := connect(t)
	c.Next(t).Push(t, full(1))
	c.Stop()
	c = pushtest.Start(t, c.Addr, p.authority)
	c.Next(t).Send(t, &pushv1.Update{Generation: 2})
	s := c.Next(t)
	p.serves(t, apply.SourceController, config(1))
	s.Push(t, full(2))
	p.serves(t, apply.SourceController, config(2))
}

func TestTokenIsReadForEachSession(t *testing.T) {
	p, c := connect(t)
	s := c.Next(t)
	c.Want("second")
	s.End(status.Error(codes.Unauthenticated, "token expired"))
	p.wait(t, "refused", func(s apply.Status) bool {
		return !s.Connected && status.Code(s.Away) == codes.Unauthenticated
	})
	p.write(t, p.options.TokenFile, []byte("second"))
	c.Next(t).Push(t, full(1))
}

func TestControllerOfAnotherAuthorityIsNotBelievedUntilItIsTrusted(t *testing.T) {
	other := pushtest.NewAuthority(t)
	var c *pushtest.Controller
	p := prepare(t, func(*pushtest.Authority) string {
		c = pushtest.Start(t, "127.0.0.1:0", other)
		return c.Addr
	})
	p.start(t)
	p.wait(t, "the certificate is refused", func(s apply.Status) bool {
		return s.Away != nil && strings.Contains(s.Away.Error(), "unknown authority")
	})
	select {
	case <-c.Sessions:
		t.Fatal("a session was opened")
	default:
	}
	p.write(t, p.options.CAFile, append(p.authority.PEM, other.PEM...)) // as in a rotation: both
	c.Next(t).Push(t, full(1))
}

func TestControllerOfAnotherNameIsNotBelieved(t *testing.T) {
	p := prepare(t, func(a *pushtest.Authority) string { return pushtest.Start(t, "127.0.0.1:0", a).Addr })
	p.options.ServerName = "someone-else"
	p.start(t)
	p.wait(t, "the name is refused", func(s apply.Status) bool {
		return s.Away != nil && strings.Contains(s.Away.Error(), "someone-else")
	})
}

func TestCredentialsThatCannotBeReadAreReported(t *testing.T) {
	tests := []struct {
		name    string
		spoil   func(p *proxy)
		message string
	}{
		{"no authority", func(p *proxy) { p.options.CAFile += ".gone" }, "no such file"},
		{"authority without a certificate", func(p *proxy) { p.options.CAFile = p.options.TokenFile }, "no PEM certificate"},
		{"no token", func(p *proxy) { p.options.TokenFile += ".gone" }, "no such file"},
		{"empty token", func(p *proxy) { p.write(t, p.options.TokenFile, []byte(" \n")) }, "is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prepare(t, func(*pushtest.Authority) string { return "127.0.0.1:1" })
			test.spoil(p)
			p.start(t)
			p.wait(t, "it says "+test.message, func(s apply.Status) bool {
				return strings.Contains(s.Away.Error(), test.message)
			})
		})
	}
}
