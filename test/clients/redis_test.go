// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/wye-dev/wye/test/ports"
)

func TestRedis(t *testing.T) {
	cli := program(t, "redis-cli", "redis-tools")
	benchmark := program(t, "redis-benchmark", "redis-tools")
	server := ports.Free(t)
	serve(t, exec.CommandContext(t.Context(), program(t, "redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", strconv.Itoa(server),
		"--save", "", "--appendonly", "no", "--enable-debug-command", "local", "--dir", t.TempDir()), "Ready to accept connections")
	through := proxied(t, server)

	script, err := os.ReadFile("testdata/session.redis")
	if err != nil {
		t.Fatal(err)
	}
	// digest is one of all data in the server.
	digest := func() string { return run(t, "", cli, "-p", strconv.Itoa(server), "DEBUG", "DIGEST") }

	t.Run("session", func(t *testing.T) {
		session := func(port int) string {
			return run(t, string(script)+large(), cli, "-p", strconv.Itoa(port)) + digest()
		}
		same(t, "redis-cli", session(server), session(through))
	})
	t.Run("pipe", func(t *testing.T) {
		load := func(port int) string {
			run(t, "", cli, "-p", strconv.Itoa(server), "FLUSHALL")
			return run(t, massInsertion(), cli, "-p", strconv.Itoa(port), "--pipe") + digest()
		}
		same(t, "redis-cli --pipe", load(server), load(through))
	})
	t.Run("benchmark", func(t *testing.T) {
		bench := func(port int, args ...string) string {
			run(t, "", cli, "-p", strconv.Itoa(server), "FLUSHALL")
			out := run(t, "", benchmark, append([]string{"-p", strconv.Itoa(port), "--csv"}, args...)...)
			return tests(out) + digest()
		}
		for _, args := range [][]string{
			{"-n", "500", "-c", "20"},
			{"-n", "4000", "-c", "20", "-P", "16", "-d", "4000", "-t", "set,get,lpush"},
			{"-n", "500", "-c", "5", "-d", "100000", "-t", "set,get"},
		} {
			same(t, fmt.Sprint("redis-benchmark ", args), bench(server, args...), bench(through, args...))
		}
	})
}

// large are commands with long arguments and answers.
func large() string {
	var b strings.Builder
	for i := range 8 {
		fmt.Fprintf(&b, "SET large:%d %s\n", i, strings.Repeat(fmt.Sprintf("%07d,", i), 1<<uint(10+i)))
		fmt.Fprintf(&b, "GET large:%d\nSTRLEN large:%d\n", i, i)
	}
	return b.String()
}

// massInsertion is many commands in Redis's protocol.
func massInsertion() string {
	var b strings.Builder
	for i := range 50000 {
		key, value := fmt.Sprintf("key:%d", i), strings.Repeat("\r\n\x00", i%100)
		fmt.Fprintf(&b, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(value), value)
	}
	return b.String()
}

// tests are the first columns of redis-benchmark's table: what it has run to its end.
// The others are rates and latencies.
func tests(csv string) string {
	var names []string
	for line := range strings.Lines(csv) {
		name, _, _ := strings.Cut(line, ",")
		names = append(names, name)
	}
	return strings.Join(names, "\n")
}
