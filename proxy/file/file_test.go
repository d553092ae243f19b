// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/proxy/file"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/test/ports"
)

func TestAFileIsAWorkingProxy(t *testing.T) {
	w := newWorld(t)
	w.write("one", w.backend("one"))
	w.write("two", w.backend("two"))
	port := uint16(ports.Free(t))
	r := w.run(`
namers: [{kind: io.l5d.fs, rootDir: DISCO}]
routers:
- label: r
  dtab: |
    /svc => 3 * /#/io.l5d.fs/one & 1 * /#/io.l5d.fs/two ;
  servers: [{port: %d, dstName: /svc}]
`, port)
	r.shows("/ready", "ready: generation 1 from file, 0 refused")
	counts := map[string]int{}
	for range 40 {
		counts[w.ask(port)]++
	}
	if diff := cmp.Diff(map[string]int{"one": 30, "two": 10}, counts); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
	old := w.reach(port)
	three := w.backend("three")
	w.write("one", three)
	r.shows("/config", `"port": `+strings.Fields(three)[1])
	clear(counts)
	for range 4 {
		counts[w.ask(port)]++
	}
	if counts["three"] == 0 || counts["one"] > 0 {
		t.Errorf("after the addresses have changed: %v", counts)
	}
	w.write("two", "")
	r.shows("/metrics", `wye_proxy_endpoints{arm="/#/io.l5d.fs/two",listener="tcp/`+w.at(port)+`",route="r/svc",state="available"} 0`)
	old.works()
	r.shows("/metrics", `wye_proxy_resolver_current{name="/svc",router="r"} 1`)
	r.shows("/metrics", `wye_proxy_config_info{source="file"} 1`)
}

func TestAPortIsOpenedOnceItsNameIsKnown(t *testing.T) {
	w := newWorld(t)
	bound := bound(t, w.backend("one"))
	namerd := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, "/api/1/resolve/"):
			http.NotFound(out, r) // it cannot be watched
		case r.URL.Query().Get("path") == "/svc/a":
			fmt.Fprintln(out, bound)
		default:
			fmt.Fprintln(out, `{"type":"neg"}`)
		}
	}))
	defer namerd.Close()
	first, second := uint16(ports.Free(t)), uint16(ports.Free(t))
	config := `
routers:
- label: r
  interpreter: {kind: io.l5d.namerd.http, baseUrl: '%s', namespace: default, periodSecs: 1}
  servers:
  - {port: %d, dstName: /svc/a}
  - {port: %d, dstName: /svc/b}
`
	away := w.run(config, unused(t), uint16(ports.Free(t)), uint16(ports.Free(t)))
	away.shows("/ready", "waiting for r/svc/a: ")
	if status, _ := away.get("/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("/ready answers %d", status)
	}
	away.shows("/metrics", `wye_proxy_config_info{source="none"} 1`)
	away.shows("/config", `"config": null`)

	// A name that is not there holds up no other.
	r := w.run(config, namerd.URL, first, second)
	r.shows("/ready", "ready: generation 1 from file, 0 refused\nwaiting for r/svc/b: ")
	if name := w.ask(first); name != "one" {
		t.Errorf("answered by %s", name)
	}
	if conn, err := net.Dial("tcp", w.at(second)); err == nil {
		conn.Close()
		t.Error("the port of a name that is not known is open")
	}
}

func TestShutdownDrains(t *testing.T) {
	w := newWorld(t)
	w.write("one", w.backend("one"))
	port := uint16(ports.Free(t))
	r := w.run(simple, port)
	r.shows("/ready", "ready")
	old := w.reach(port)
	if code := r.post("/shutdown"); code != http.StatusOK {
		t.Errorf("/shutdown answers %d", code)
	}
	r.shows("/ready", "draining: 1 connections are left")
	old.works()
	old.Close()
	if err := r.wait(); err != nil {
		t.Errorf("the proxy ends with %v", err)
	}
}

func TestAbortEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.write("one", w.backend("one"))
	port := uint16(ports.Free(t))
	r := w.run(simple, port)
	r.shows("/ready", "ready")
	old := w.reach(port)
	if code := r.post("/abort"); code != http.StatusOK {
		t.Errorf("/abort answers %d", code)
	}
	if err := r.wait(); err == nil {
		t.Error("the proxy ends well")
	}
	if _, err := old.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
}

func TestEverythingElseIsNotFound(t *testing.T) {
	w := newWorld(t)
	r := w.run(simple, uint16(ports.Free(t)))
	for _, path := range []string{"/", "/shutdown", "/abort", "/metrics/", "/admin/ping"} {
		if code, _ := r.get(path); code != http.StatusNotFound {
			t.Errorf("GET %s answers %d", path, code)
		}
	}
	for _, path := range []string{"/metrics", "/ready", "/"} {
		if code := r.post(path); code != http.StatusNotFound {
			t.Errorf("POST %s answers %d", path, code)
		}
	}
	if code, body := r.get("/live"); code != http.StatusOK || body != "live\n" {
		t.Errorf("/live answers %d %s", code, body)
	}
}

// A page that somebody looks at cannot end the proxy.
func TestOtherSitesCannotShutDown(t *testing.T) {
	w := newWorld(t)
	r := w.run(simple, uint16(ports.Free(t)))
	request, err := http.NewRequest(http.MethodPost, r.admin+"/shutdown", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("answers %s", answer.Status)
	}
}

func TestServersAreHeldToTheirAddressesAndLimits(t *testing.T) {
	w := newWorld(t)
	w.write("one", w.backend("one"))
	port := uint16(ports.Free(t))
	r := w.run(`
namers: [{kind: io.l5d.fs, rootDir: DISCO}]
routers:
- label: r
  interpreter: {kind: default}
  servers:
  - {port: %d, dstName: /#/io.l5d.fs/one, maxConcurrency: 1}
  - {port: %d, ip: 127.0.0.2, dstName: /#/io.l5d.fs/one}
`, port, port)
	r.shows("/ready", "ready")
	r.shows("/config", `"name": "r/#/io.l5d.fs/one@127.0.0.2:`+fmt.Sprint(port))
	only := w.reach(port)
	waiting := w.dial(w.at(port))
	_ = waiting.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := waiting.ReadByte(); err == nil {
		t.Error("a second connection is served")
	}
	other := w.dial(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port).String())
	if name := other.greeting(); name != "one" {
		t.Errorf("the other server is answered by %s", name)
	}
	only.Close()
	_ = waiting.SetReadDeadline(time.Now().Add(patience))
	if name := waiting.greeting(); name != "one" {
		t.Errorf("answered by %s", name)
	}
}

func TestWhatAFileRefersToIsChecked(t *testing.T) {
	for _, test := range []struct{ namers, want string }{
		{"{kind: io.l5d.fs, rootDir: /nowhere/at/all}", "namer io.l5d.fs: "},
		{"{kind: io.l5d.rewrite, prefix: /r, pattern: '/{x}', name: '/{y}'}", "namer io.l5d.rewrite: "},
	} {
		text := "namers: [" + test.namers + "]\nrouters: [{label: a, dtab: '', servers: [{port: 1, dstName: /x}]}]"
		config, _, err := linkerdtcp.Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.New(config); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v", test.namers, err)
		}
	}
}

// bound is a bound address set of a backend, "IP PORT".
func bound(t *testing.T, backend string) string {
	t.Helper()
	ip, port, _ := strings.Cut(strings.TrimSpace(backend), " ")
	return fmt.Sprintf(`{"type":"bound","addrs":[{"ip":%q,"port":%s,"meta":{}}],"meta":{}}`, ip, port)
}

// unused is the URL of a server that is not there.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func (r *running) post(path string) int {
	r.t.Helper()
	answer, err := http.Post(r.admin+path, "", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}
