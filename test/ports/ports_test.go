// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package ports

import (
	"fmt"
	"net"
	"testing"
)

// Ten of those that others get would be the test's if the kernel did not know.
func TestFreePortsStayTheTests(t *testing.T) {
	ours := map[int]bool{}
	for range 100 {
		ours[Free(t)] = true
	}
	for range 3000 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if port := l.Addr().(*net.TCPAddr).Port; ours[port] {
			t.Errorf("the kernel has given port %d to another", port)
		}
		l.Close()
	}
}

func TestServerListensOnFreePortAgainAndAgain(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", Free(t))
	for range 3 {
		l, err := net.Listen("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		l.Close()
	}
}
