// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package load_test

import (
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/wye-dev/wye/test/load"
)

func options(address string) load.Options {
	return load.Options{Address: address, Steady: 2, Workers: 2, PerSecond: 1000, Key: "test"}
}

// until waits for totals.
func until(t *testing.T, l *load.Load, what string, met func(load.Totals) bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !met(l.Totals()) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not so: %s; instead %s", what, l.Totals())
		}
	}
}

func TestCountIsExact(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { client.Close() })
	l := load.Start(t.Context(), options(server.Addr()))
	defer l.Stop()
	for _, key := range []string{"a", "b"} {
		if err := l.Count(t.Context(), key, 50); err != nil {
			t.Fatal(err)
		}
		counts, err := load.Shares(t.Context(), []*redis.Client{client}, key)
		if err != nil || counts[0] != 50 {
			t.Errorf("the server counted %v (%v), want 50", counts, err)
		}
	}
	until(t, l, "both kinds of connections are used", func(o load.Totals) bool { return o.Steady > 0 && o.Fresh >= 100 })
	l.Stop()
	if o := l.Totals(); o.Failed != 0 || o.Lost != 0 || o.Refused != 0 || o.First != nil {
		t.Errorf("nothing went wrong, but: %s", o)
	}
}

func TestAConnectionThatIsLostIdleIsNoticed(t *testing.T) {
	server := miniredis.RunT(t)
	o := options(server.Addr())
	o.Workers, o.PerSecond = 0, 0
	l := load.Start(t.Context(), o)
	defer l.Stop()
	until(t, l, "both are connected", func(o load.Totals) bool { return o.Steady >= 2 })
	server.Close()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	until(t, l, "two connections were lost", func(o load.Totals) bool { return o.Lost == 2 })
	if o := l.Totals(); o.Failed > 2 {
		t.Errorf("a command was not sent again on the new connection: %s", o)
	}
}

func TestWhatCannotConnectIsTriedAgainAndThenFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	o := options(address)
	o.Steady, o.Workers, o.Retries = 0, 1, 2
	l := load.Start(t.Context(), o)
	defer l.Stop()
	until(t, l, "a command failed", func(o load.Totals) bool { return o.Failed >= 1 })
	l.Stop()
	if o := l.Totals(); o.Refused < 3*o.Failed || o.Refused > 3*o.Failed+2 || o.First == nil || o.Fresh != 0 {
		t.Errorf("want three attempts for each command: %s", o)
	}
}
