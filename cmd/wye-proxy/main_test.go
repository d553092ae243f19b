// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wye-proxy": main})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

// asProxy has the test binary be wye-proxy in a child process.
const asProxy = "WYE_TEST_AS_PROXY"

// TestProcess is the child process of the tests of signals.
func TestProcess(*testing.T) {
	if args := os.Getenv(asProxy); args != "" {
		os.Exit(run(strings.Fields(args), os.Stdout, os.Stderr))
	}
}

// process starts a proxy whose controller is away and returns once it runs.
func process(t *testing.T, args string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	const needed = "--controller 127.0.0.1:1 --namespace ns --fleet edge --pod edge-1 --ca-file none --token-file none --admin-addr 127.0.0.1:0 "
	command, log := child(t, needed+args, "")
	logged(t, log, "controller away")
	return command, log
}

// child starts a proxy.
func child(t *testing.T, args, stdin string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$")
	command.Env = append(os.Environ(), asProxy+"="+args)
	command.Stdin = strings.NewReader(stdin)
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, bufio.NewScanner(stderr)
}

// logged reads the log up to a line with text in it, and returns what follows there.
func logged(t *testing.T, log *bufio.Scanner, text string) string {
	t.Helper()
	for log.Scan() {
		if _, rest, ok := strings.Cut(log.Text(), text); ok {
			return rest
		}
	}
	t.Fatalf("the log ended without %q", text)
	return ""
}

// ends waits for the exit code.
func ends(t *testing.T, command *exec.Cmd, log *bufio.Scanner, want int) {
	t.Helper()
	stuck := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
	defer stuck.Stop()
	var rest bytes.Buffer
	for log.Scan() {
		rest.Write(append(log.Bytes(), '\n'))
	}
	err := command.Wait()
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if code != want {
		t.Errorf("exit code %d, want %d; log:\n%s", code, want, rest.String())
	}
}

func signalProcess(t *testing.T, command *exec.Cmd, s os.Signal) {
	t.Helper()
	if err := command.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestSignalDrains(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		command, log := process(t, "--drain-delay 0s")
		signalProcess(t, command, s)
		logged(t, log, "drained")
		ends(t, command, log, 0)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	command, log := process(t, "--drain-delay 1h")
	signalProcess(t, command, syscall.SIGTERM)
	logged(t, log, "draining")
	signalProcess(t, command, syscall.SIGTERM)
	ends(t, command, log, exitFailed)
}

func TestAFileIsShutDownAsLinkerdTCPIs(t *testing.T) {
	const config = `
admin: {port: 0}
routers:
- {label: a, dtab: /x => /$/inet/1, servers: [{port: 1, ip: 203.0.113.1, dstName: /x}]}`
	for path, want := range map[string]int{"/shutdown": 0, "/abort": exitFailed} {
		command, log := child(t, "-", config)
		admin := logged(t, log, `msg="admin listening" address=`)
		answer, err := http.Post("http://"+admin+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", path, answer.Status)
		}
		ends(t, command, log, want)
	}
}

func TestASignalDrainsAProxyOfAFile(t *testing.T) {
	command, log := child(t, "--drain-delay 1ms -", "admin: {port: 0}\nrouters: [{label: a, dtab: '', servers: [{port: 1, ip: 203.0.113.1, dstName: /x}]}]")
	logged(t, log, "admin listening")
	signalProcess(t, command, syscall.SIGTERM)
	if rest := logged(t, log, "msg=draining "); !strings.Contains(rest, "delay=1ms deadline=10s") {
		t.Errorf("draining %s", rest)
	}
	ends(t, command, log, 0)
}
