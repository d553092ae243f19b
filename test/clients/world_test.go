// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clients runs programs that people know through wye-proxy, and without it:
// redis-cli and redis-benchmark, iperf3, psql and pg_dump, each with its real server.
// What they say must be the same, byte for byte, where it does not depend on time. And
// curl and openssl reach nginx, HAProxy and openssl by name, through those in front.
package clients

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/test/ports"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// program finds a program; a test that needs one which is missing fails.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s (package %s): %v", name, pkg, err)
	}
	return path
}

// proxied starts a proxy in front of a port, and returns the port to use instead.
func proxied(t *testing.T, backend int) (port int) {
	t.Helper()
	port = ports.Free(t)
	config := fmt.Sprintf(`admin: {ip: 127.0.0.1, port: 0}
routers:
- label: clients
  interpreter: {kind: default}
  dtab: /svc => /$/inet/127.0.0.1/%d ;
  servers:
  - {ip: 127.0.0.1, port: %d, dstName: /svc}
`, backend, port)
	file := filepath.Join(t.TempDir(), "wye.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, exec.CommandContext(t.Context(), build(t), file), "msg=listening")
	return port
}

// build builds wye-proxy. The test cache notices files that a test looked at but not
// what a command saw, so all are looked at.
func build(t *testing.T) string {
	t.Helper()
	for _, part := range []string{"api", "cmd", "document", "dtab", "namer", "proxy"} {
		err := filepath.WalkDir(filepath.Join("..", "..", part), func(name string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "wye-proxy")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", name, "./cmd/wye-proxy")
	command.Dir = filepath.Join("..", "..")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return name
}

// serve starts a server, waits until it has logged a text, and ends it with the test.
// Its log is shown if that failed. (Some would take a connection that only looks
// whether the port is open for a client.)
func serve(t *testing.T, command *exec.Cmd, ready string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = out, out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // its log tells why
	}()
	logged := func() string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt) // it may have ended
		kill := time.AfterFunc(10*time.Second, func() { _ = command.Process.Kill() })
		defer kill.Stop()
		<-ended
		out.Close()
		if t.Failed() {
			t.Logf("%s:\n%s", command.Path, last(logged()))
		}
	})
	for deadline := time.After(patience); !strings.Contains(logged(), ready); {
		select {
		case <-ended:
			t.Fatalf("%s ended before it logged %q", command.Path, ready)
		case <-deadline:
			t.Fatalf("%s has not logged %q", command.Path, ready)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// run runs a program with a standard input and returns what it wrote.
func run(t *testing.T, stdin, name string, args ...string) (stdout string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command.Args, " "), err, last(out.String()), last(errs.String()))
	}
	return out.String()
}

// last is the end of a text.
func last(text string) string { return text[max(0, len(text)-2000):] }

// same compares outputs, which may be too long for a readable difference.
func same(t *testing.T, what, direct, through string) {
	t.Helper()
	if direct == through {
		return
	}
	at := 0
	for at < min(len(direct), len(through)) && direct[at] == through[at] {
		at++
	}
	t.Errorf("%s: %d bytes without the proxy, %d through it; they differ from byte %d on:\nwithout: %.200q\nthrough: %.200q",
		what, len(direct), len(through), at, direct[at:], through[at:])
}
