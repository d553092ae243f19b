// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wye-namerd": main})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

// asNamerd has the test binary be wye-namerd in a child process.
const asNamerd = "WYE_TEST_AS_NAMERD"

// TestProcess is the child process of the tests below.
func TestProcess(*testing.T) {
	if os.Getenv(asNamerd) != "" {
		os.Exit(run([]string{"--log-format", "json", "-"}, os.Stdin, os.Stdout, os.Stderr))
	}
}

// process is a running wye-namerd.
type process struct {
	t          *testing.T
	command    *exec.Cmd
	log        *bufio.Scanner
	admin, api string // URLs
}

// demo is the configuration of the demo of linkerd-tcp, on ports from the kernel.
const demo = `
admin: {ip: 127.0.0.1, port: 0}
storage:
  kind: io.l5d.inMemory
  namespaces:
    default: |
      /cluster    => /#/io.l5d.fs ;
      /svc        => /cluster ;
      /svc/redis  => /cluster/redis1 ;
namers:
- kind: io.l5d.fs
  rootDir: DISCO
interfaces:
- kind: io.l5d.httpController
  ip: 127.0.0.1
  port: 0
`

func start(t *testing.T) (p *process, disco string) {
	t.Helper()
	disco = t.TempDir()
	write(t, filepath.Join(disco, "redis1"), "127.0.0.1 6379\n")
	write(t, filepath.Join(disco, "redis2"), "127.0.0.1 6380\n")
	p = &process{t: t, command: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$")}
	p.command.Env = append(os.Environ(), asNamerd+"=1")
	p.command.Stdin = strings.NewReader(strings.ReplaceAll(demo, "DISCO", disco))
	stderr, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(30*time.Second, func() { _ = p.command.Process.Kill() })
	t.Cleanup(func() { stuck.Stop() })
	p.log = bufio.NewScanner(stderr)
	p.admin, p.api = p.serving("admin"), p.serving("io.l5d.httpController")+"/api/1"
	return p, disco
}

// serving reads from the log where something is served.
func (p *process) serving(kind string) string {
	p.t.Helper()
	for p.log.Scan() {
		var line struct{ Msg, Kind, Address string }
		if err := json.Unmarshal(p.log.Bytes(), &line); err != nil {
			p.t.Fatalf("%v: %s", err, p.log.Text())
		}
		if line.Msg == "serving" && line.Kind == kind {
			return "http://" + line.Address
		}
	}
	p.t.Fatalf("the log ended before %s was served", kind)
	return ""
}

// ends waits for the end of the process, in good order.
func (p *process) ends() {
	p.t.Helper()
	var rest bytes.Buffer
	for p.log.Scan() {
		rest.Write(append(p.log.Bytes(), '\n'))
	}
	if err := p.command.Wait(); err != nil {
		p.t.Errorf("%v\n%s", err, &rest)
	}
	if !strings.Contains(rest.String(), `"msg":"stopped"`) {
		p.t.Errorf("the log ends with\n%s", &rest)
	}
}

func (p *process) expect(method, url, body, want string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Accept", "application/dtab")
	request.Header.Set("Content-Type", "application/dtab")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if text := strings.TrimSpace(response.Status + " " + string(got)); !strings.Contains(text, want) {
		p.t.Errorf("%s %s: %s, want %s", method, url, text, want)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".next", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".next", name); err != nil {
		t.Fatal(err)
	}
}

// The story of the article: the table is read, redis1 becomes redis2 in it, and
// whoever listens hears of it, and of files as they change.
func TestTheDemoOfLinkerdTCP(t *testing.T) {
	p, disco := start(t)
	response, err := http.Get(p.api + "/resolve/default?path=/svc/redis&watch=true")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	watch := bufio.NewScanner(response.Body)
	expectPort := func(port string) {
		t.Helper()
		if !watch.Scan() || !strings.Contains(watch.Text(), `"port":`+port) {
			t.Fatalf("the watch has %q, %v; want port %s", watch.Text(), watch.Err(), port)
		}
	}
	expectPort("6379")
	p.expect("GET", p.api+"/dtabs/default", "", "200 OK /cluster=>/#/io.l5d.fs;/svc=>/cluster;/svc/redis=>/cluster/redis1")
	p.expect("PUT", p.api+"/dtabs/default",
		"# version AAAAAAAAAAE=\n/cluster    => /#/io.l5d.fs ;\n/svc        => /cluster ;\n/svc/redis  => /cluster/redis2 ;\n", "204 No Content")
	expectPort("6380")
	write(t, filepath.Join(disco, "redis2"), "127.0.0.1 6381\n")
	expectPort("6381")

	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if watch.Scan() || watch.Err() != nil {
		t.Errorf("the watch has %q, %v; want a good end", watch.Text(), watch.Err())
	}
	p.ends()
}

func TestTheAdministrationInterface(t *testing.T) {
	p, disco := start(t)
	p.expect("GET", p.api+"/bind/default?path=/svc/redis", "", "200 OK")
	p.expect("GET", p.admin+"/admin/ping", "", "200 OK pong")
	p.expect("GET", p.admin+"/config.json", "", `"rootDir": "`+disco+`"`)
	p.expect("GET", p.admin+"/admin/metrics", "", `"wye_namerd_requests_total{code=\"200\",endpoint=\"bind\"}": 1`)
	p.expect("GET", p.admin+"/admin/metrics.json", "", `"go_goroutines"`)
	p.expect("GET", p.admin+"/admin/metrics/prometheus", "", `wye_namerd_requests_total{code="200",endpoint="bind"} 1`)
	p.expect("GET", p.admin+"/dtab/delegator.json?namespace=default&path=/svc/redis1", "", `"id":"/#/io.l5d.fs/redis1"`)
	p.expect("POST", p.admin+"/dtab/delegator.json", "{}", "415 Unsupported Media Type")
	p.expect("POST", p.admin+"/admin/shutdown", "", "200 OK")
	p.ends()
}

func TestAPortThatIsTakenIsNoMistakeOfUsage(t *testing.T) {
	p, _ := start(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(p.admin, "http://"), ":")
	in := strings.NewReader("admin: {port: " + port + "}\nstorage: {kind: io.l5d.inMemory}\ninterfaces: [{kind: httpController, port: 0}]")
	var out, errs bytes.Buffer
	if code := run([]string{"-"}, in, &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "address already in use") {
		t.Errorf("exit code %d\n%s", code, &errs)
	}
	if err := p.command.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	p.ends()
}
