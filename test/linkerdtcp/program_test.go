// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wye-dev/wye/test/ports"
)

// program is one that runs.
type program struct {
	t       *testing.T
	name    string
	command *exec.Cmd
	lines   chan string // of its log; closed when it ends

	mu  sync.Mutex
	log []string // mu guards it
}

// run starts a program with one argument and a standard input. It is killed when
// the test ends, and its log is shown if that has failed.
func run(t *testing.T, name, arg, stdin string) *program {
	t.Helper()
	p := &program{t: t, name: name, command: exec.CommandContext(t.Context(), name, arg), lines: make(chan string, 1000)}
	p.command.Stdin = strings.NewReader(stdin)
	stderr, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.read(bufio.NewScanner(stderr)) })
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		reading.Wait()
		_ = p.command.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if t.Failed() {
			t.Logf("%s:\n%s", name, strings.Join(p.log, "\n"))
		}
	})
	return p
}

func (p *program) read(log *bufio.Scanner) {
	defer close(p.lines)
	for log.Scan() {
		p.mu.Lock()
		p.log = append(p.log, log.Text())
		p.mu.Unlock()
		select {
		case p.lines <- log.Text():
		default: // nobody waits for it
		}
	}
}

// logged waits for a line with text in it, and returns what follows there.
func (p *program) logged(text string) string {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, open := <-p.lines:
			if _, rest, found := strings.Cut(line, text); found {
				return rest
			}
			if !open {
				p.t.Fatalf("%s ended before it logged %q", p.name, text)
			}
		case <-limit:
			p.t.Fatalf("%s has not logged %q", p.name, text)
		}
	}
}

// interrupt ends the program as an operator would, and waits for it.
func (p *program) interrupt() {
	p.t.Helper()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	p.ends()
}

// ends waits for the program to end well.
func (p *program) ends() {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case _, open := <-p.lines:
			if open {
				continue
			}
			if err := p.command.Wait(); err != nil {
				p.t.Errorf("%s: %v", p.name, err)
			}
			return
		case <-limit:
			p.t.Fatalf("%s does not end", p.name)
		}
	}
}

// server is a Redis server.
type server struct {
	port   int
	client *redis.Client // to the server itself
}

// startRedis starts a real Redis server.
func startRedis(t *testing.T) server {
	t.Helper()
	name, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("this test needs Redis (package redis-server): %v", err)
	}
	s := server{port: ports.Free(t)}
	command := exec.CommandContext(t.Context(), name, "--bind", "127.0.0.1", "--port", fmt.Sprint(s.port),
		"--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.client = redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", s.port), DisableIdentity: true, Protocol: 2})
	t.Cleanup(func() {
		s.client.Close()
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for deadline := time.Now().Add(patience); s.client.Ping(t.Context()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
		<-time.After(10 * time.Millisecond)
	}
	return s
}
