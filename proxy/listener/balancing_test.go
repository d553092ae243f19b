// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"fmt"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
)

const (
	roundRobin       = pushv1.BalancingPolicy_BALANCING_POLICY_ROUND_ROBIN
	leastConnections = pushv1.BalancingPolicy_BALANCING_POLICY_LEAST_CONNECTIONS
	consistentHash   = pushv1.BalancingPolicy_BALANCING_POLICY_CONSISTENT_HASH
)

// balanced is the pool "a" with a policy.
func balanced(policy pushv1.BalancingPolicy, endpoints ...*pushv1.Endpoint) *pushv1.Pool {
	p := pool("a", endpoints...)
	p.Settings = &pushv1.PoolSettings{Balancing: &pushv1.Balancing{Policy: policy}}
	return p
}

// servers are backends called a, b, c and so on.
func servers(t *testing.T, n int) []*pushv1.Endpoint {
	t.Helper()
	var list []*pushv1.Endpoint
	for i := range n {
		list = append(list, server(t, string(rune('a'+i))))
	}
	return list
}

// askFrom connects from 127.0.1.i and returns the name of the server that answers.
func (p *proxy) askFrom(i int) string {
	p.t.Helper()
	conn := p.dialFrom(fmt.Sprintf("127.0.1.%d", i))
	defer conn.Close()
	return p.hear(conn)
}

func TestRoundRobinIsExact(t *testing.T) { onEveryPlane(t, testRoundRobinIsExact) }

func testRoundRobinIsExact(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	three := servers(t, 3)
	three[2].Weight = 2
	p.install(leaf("a"), balanced(roundRobin, three...))
	counts := map[string]int{}
	for range 40 {
		conn, name := p.ask()
		counts[name]++
		conn.Close()
	}
	if counts["a"] != 10 || counts["b"] != 10 || counts["c"] != 20 {
		t.Errorf("the connections are %v, want 10, 10 and 20", counts)
	}
}

func TestLeastConnectionsEvensOutLoads(t *testing.T) {
	onEveryPlane(t, testLeastConnectionsEvensOutLoads)
}

func testLeastConnectionsEvensOutLoads(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	two := servers(t, 2)
	p.install(leaf("a"), balanced(leastConnections, two[:1]...))
	for range 10 {
		p.ask() // kept
	}
	p.install(leaf("a"), balanced(leastConnections, two...))
	for i := range 10 {
		if _, name := p.ask(); name != "b" {
			t.Fatalf("connection %d went to %s, which has more", i, name)
		}
	}
	counts := map[string]int{}
	for range 10 {
		_, name := p.ask()
		counts[name]++
	}
	if counts["a"] != 5 || counts["b"] != 5 {
		t.Errorf("from equal loads on the connections are %v, want half each", counts)
	}
}

func TestConsistentHashKeepsAClientWhileOthersScale(t *testing.T) {
	onEveryPlane(t, testConsistentHashKeepsAClientWhileOthersScale)
}

func testConsistentHashKeepsAClientWhileOthersScale(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	six := servers(t, 6)
	const clients = 40
	homes := func(endpoints ...*pushv1.Endpoint) (names [clients]string) {
		p.install(leaf("a"), balanced(consistentHash, endpoints...))
		for i := range names {
			names[i] = p.askFrom(i)
			if again := p.askFrom(i); again != names[i] {
				t.Fatalf("client %d went to %s and then to %s", i, names[i], again)
			}
		}
		return names
	}
	// It is a matter of addresses, and of ports, which are others each time.
	three := homes(six[:3]...)
	five := homes(six[:5]...)
	for i := range clients {
		if five[i] != three[i] && five[i] < "d" {
			t.Errorf("when d and e came, client %d went from %s to %s", i, three[i], five[i])
		}
	}
	two := homes(six[1], six[2])
	for i := range clients {
		if three[i] != "a" && two[i] != three[i] {
			t.Errorf("when others than its own left, client %d went from %s to %s", i, three[i], two[i])
		}
	}
}

func TestAClientFallsOverConsistently(t *testing.T) {
	onEveryPlane(t, testAClientFallsOverConsistently)
}

func testAClientFallsOverConsistently(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	live := servers(t, 3)
	dead := []*pushv1.Endpoint{closed(t), closed(t), closed(t)}
	p.install(leaf("a"), balanced(consistentHash, append(dead, live...)...))
	over := [40]string{}
	for i := range over {
		over[i] = p.askFrom(i)
		if again := p.askFrom(i); again != over[i] {
			t.Fatalf("client %d fell over to %s and then to %s", i, over[i], again)
		}
	}
	// Whom they fell over to is whose they are when the dead are gone.
	p.install(leaf("a"), balanced(consistentHash, live...))
	for i := range over {
		if name := p.askFrom(i); name != over[i] {
			t.Errorf("client %d fell over to %s, and went to %s when the dead were gone", i, over[i], name)
		}
	}
	if got := p.value("wye_proxy_connect_retries_total", armA()); got == 0 {
		t.Error("no connection was retried")
	}
}
