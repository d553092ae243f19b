// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"fmt"
	"net"
	"testing"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// TestAClientKeepsToItsArm, whichever proxy it comes to, and moves only towards an arm
// that has grown.
func TestAClientKeepsToItsArm(t *testing.T) {
	const clients, tries = 100, 5
	p := newPlace(t, 3)
	port := p.reserve()
	a, b := p.announce("a", p.serve("a")), p.announce("b", p.serve("b"))
	route := p.route("echo", port, "/svc/echo")
	route.Spec.Splitting = v1alpha1.SplittingSticky
	p.apply(p.table("default", "/svc/echo => 9 * "+a+" & 1 * "+b), route)
	p.expect(route, ready)
	if want := "a=90% b=10%"; route.Status.Split != want {
		t.Errorf("split %q, want %q", route.Status.Split, want)
	}
	homes := func() map[int]string {
		homes := map[int]string{}
		for client := range clients {
			for range tries {
				name := p.askFrom(fmt.Sprintf("127.1.%d.1", client), port)
				if homes[client] != "" && homes[client] != name {
					t.Fatalf("client %d is answered by %s and by %s", client, homes[client], name)
				}
				homes[client] = name
			}
		}
		return homes
	}
	before := homes()
	table := p.table("default", "/svc/echo => 1 * "+b+" & 1 * "+a) // in another order
	p.apply(table)
	p.expect(table, ready)
	after, moved := homes(), 0
	for client, home := range before {
		if home != after[client] {
			moved++
			if home == "b" {
				t.Errorf("client %d was moved from b, whose weight grew, to %s", client, after[client])
			}
		}
	}
	if moved < 20 || moved > 60 {
		t.Errorf("%d of %d clients moved when the share of b went from 10%% to 50%%", moved, clients)
	}
}

// askFrom asks who answers a client of that address.
func (p *place) askFrom(address string, port int32) string {
	p.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	c, err := dialer.DialContext(p.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		p.Fatal(err)
	}
	defer c.Close()
	name, err := (&conn{c, bufio.NewReader(c)}).ask()
	if err != nil {
		p.Fatal(err)
	}
	return name
}
