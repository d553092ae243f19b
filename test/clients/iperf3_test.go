// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wye-dev/wye/test/ports"
)

// inFlight bounds the bytes of a stream that may be on their way when a test of iperf3
// ends: it counts them as sent and, directly or not, not as received. Through the
// proxy they are in two connections, and Linux lets each have 4 MiB that are to be
// sent and 32 MiB that were received (tcp_wmem, tcp_rmem).
const inFlight = 2 * (4 + 32) << 20

// outcome is what iperf3 tells of a test.
type outcome struct {
	Error string `json:"error"`
	End   struct {
		Streams []struct {
			Sender   total `json:"sender"`
			Receiver total `json:"receiver"`
		} `json:"streams"`
	} `json:"end"`
}

type total struct {
	Bytes int64 `json:"bytes"`
}

// server starts an iperf3 server and returns its port.
func server(t *testing.T, args ...string) int {
	t.Helper()
	port := ports.Free(t)
	name := program(t, "iperf3", "iperf3")
	serve(t, exec.CommandContext(t.Context(), name, append([]string{"-s", "--forceflush", "-B", "127.0.0.1", "-p", strconv.Itoa(port)}, args...)...), "Server listening")
	return port
}

// measure runs an iperf3 client.
func measure(t *testing.T, port int, args ...string) outcome {
	t.Helper()
	name := program(t, "iperf3", "iperf3")
	text := run(t, "", name, append([]string{"-c", "127.0.0.1", "-p", strconv.Itoa(port), "--json", "--connect-timeout", "5000"}, args...)...)
	var o outcome
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// check returns how many streams there were, after a look at what they have moved.
// Only sums can be compared: iperf3 pairs the streams of its two ends in the order in
// which their connections arrive, and that is not the order in which they were
// opened where each is passed on by itself.
func (o outcome) check(t *testing.T, what string) (streams int) {
	t.Helper()
	if o.Error != "" {
		t.Errorf("%s: %s", what, o.Error)
	}
	var sent, received int64
	for i, s := range o.End.Streams {
		sent, received = sent+s.Sender.Bytes, received+s.Receiver.Bytes
		if s.Sender.Bytes == 0 || s.Receiver.Bytes == 0 {
			t.Errorf("%s: stream %d has sent %d bytes and received %d", what, i, s.Sender.Bytes, s.Receiver.Bytes)
		}
	}
	if lost := sent - received; lost < 0 || lost > inFlight*int64(len(o.End.Streams)) {
		t.Errorf("%s: %d bytes were sent and %d received", what, sent, received)
	}
	return len(o.End.Streams)
}

func TestIperf3(t *testing.T) {
	direct := server(t)
	through := proxied(t, direct)
	for _, args := range []string{"-n 200M", "-n 200M -R", "-n 200M -P 8", "-n 200M -P 8 -R", "-n 20M -l 500", "-n 8M -b 100M -R"} {
		t.Run(args, func(t *testing.T) {
			got := []int{
				measure(t, direct, strings.Fields(args)...).check(t, "without"),
				measure(t, through, strings.Fields(args)...).check(t, "through"),
			}
			if got[0] == 0 || got[0] != got[1] {
				t.Errorf("%d streams without the proxy, %d through it", got[0], got[1])
			}
		})
	}
}

// With --bidir, iperf3 stands still for ever when the second of its connections is
// the first to arrive: then both ends send on one and both listen on the other. No
// proxy promises that order, so here two tests go each way at once.
func TestIperf3BothWays(t *testing.T) {
	for _, way := range []string{"-n 400M", "-n 400M -R"} {
		port := proxied(t, server(t))
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			if n := measure(t, port, strings.Fields(way)...).check(t, "through"); n != 1 {
				t.Errorf("%d streams", n)
			}
		})
	}
}

// iperf3 can send a file. What comes out must be its beginning, up to what was on its
// way in the end.
func TestIperf3SendsAFile(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	sent := make([]byte, 64<<20)
	rand.NewChaCha8([32]byte{}).Read(sent)
	if err := os.WriteFile(in, sent, 0o600); err != nil {
		t.Fatal(err)
	}
	o := measure(t, proxied(t, server(t, "-F", out)), "-F", in)
	if n := o.check(t, "through"); n != 1 {
		t.Fatalf("%d streams", n)
	}
	received, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(received) > len(sent) || !bytes.Equal(received, sent[:len(received)]) {
		t.Errorf("the %d bytes received are not the beginning of the %d sent", len(received), len(sent))
	}
	if said := o.End.Streams[0].Receiver.Bytes; said != int64(len(received)) {
		t.Errorf("%d bytes were received, and iperf3 says %d", len(received), said)
	}
}
