//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is a wye-proxy that runs.
type program struct {
	name    string
	command *exec.Cmd
	admin   string // "http://HOST:PORT"
	client  *http.Client
	end     chan error // of the process
	log     *tail
}

// build builds the proxy.
func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "wye-proxy")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./cmd/wye-proxy")
	command.Dir = filepath.Join("..", "..")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// run starts a proxy, and returns once its admin server listens.
func run(t *testing.T, name, file string, args ...string) *program {
	t.Helper()
	p := &program{
		name:    name,
		command: exec.CommandContext(t.Context(), file, args...),
		client:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience},
		end:     make(chan error, 1),
		log:     &tail{},
	}
	stderr, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		p.log.read(stderr, listening)
		p.end <- p.command.Wait()
	})
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		reading.Wait()
		if t.Failed() {
			t.Logf("the end of the log of the %s:\n%s", p.name, p.log)
		}
	})
	select {
	case address := <-listening:
		p.admin = "http://" + address
	case err := <-p.end:
		t.Fatalf("the %s ended: %v\n%s", p.name, err, p.log)
	case <-time.After(patience):
		t.Fatalf("the %s does not listen", p.name)
	}
	return p
}

// drain ends the proxy as an operator would, and wants it to end well.
func (p *program) drain(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.end:
		if err != nil {
			t.Errorf("the %s ended with %v", p.name, err)
		}
	case <-time.After(patience):
		t.Errorf("the %s does not end", p.name)
	}
}

// figures are metrics: the name of a series -> its value.
type figures map[string]float64

func (p *program) scrape(t *testing.T) figures {
	t.Helper()
	f := figures{}
	for line := range strings.Lines(p.get(t, "/metrics")) {
		series, value, _ := cutLast(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(series, "#") {
			f[series] = n
		}
	}
	return f
}

// get is a page of the admin server, whatever its status.
func (p *program) get(t *testing.T, path string) string {
	t.Helper()
	answer, err := p.client.Get(p.admin + path)
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	return string(text)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// sum adds up the series of a name.
func (f figures) sum(name string) (sum float64) {
	for series, value := range f {
		if strings.HasPrefix(series, name+"{") {
			sum += value
		}
	}
	return sum
}

// tail keeps the end of a log.
type tail struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

// read takes in a log, and tells the address of the admin server.
func (l *tail) read(r io.Reader, listening chan<- string) {
	const kept = 40
	for log := bufio.NewScanner(r); log.Scan(); {
		if _, address, found := strings.Cut(log.Text(), `msg="admin listening" address=`); found {
			listening <- address
		}
		l.mu.Lock()
		l.lines = append(l.lines, log.Text())
		l.lines = l.lines[max(0, len(l.lines)-kept):]
		l.mu.Unlock()
	}
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// write makes a file for the proxy.
func write(t *testing.T, dir, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, bytes.Clone(text), 0o600); err != nil {
		t.Fatal(fmt.Errorf("write %s: %w", name, err))
	}
	return file
}
