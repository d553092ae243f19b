// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/test/ports"
	"github.com/wye-dev/wye/test/programs"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// demo is everything that linkerd-tcp's demo runs, but for the web servers.
type demo struct {
	t             *testing.T
	disco         string // directory of io.l5d.fs
	redis         [2]server
	namerd, proxy *program
	api, admin    string // URLs: of the namerd's table, and of the proxy's admin server
	address       string // of the proxy's port
}

// start starts all programs.
func start(t *testing.T) *demo {
	t.Helper()
	bin, err := programs.Find(t.Context(), filepath.Join("..", ".."), t.TempDir(), "wye-namerd", "wye-proxy")
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{t: t, disco: t.TempDir()}
	for i, name := range []string{"redis1", "redis2"} {
		d.redis[i] = startRedis(t)
		d.announce(name, d.redis[i])
	}
	d.namerd = run(t, filepath.Join(bin, "wye-namerd"), "-", d.config("namerd.yml",
		"rootDir: /disco", "rootDir: "+d.disco, "port: 9991", "port: 0", "port: 4180", "port: 0", "0.0.0.0", "127.0.0.1"))
	d.namerd.logged("msg=serving kind=admin")
	namerd := "http://" + d.namerd.logged("msg=serving kind=io.l5d.httpController address=")
	d.api = namerd + "/api/1/dtabs/default"

	port := ports.Free(t)
	d.address = fmt.Sprintf("127.0.0.1:%d", port)
	d.proxy = run(t, filepath.Join(bin, "wye-proxy"), "-", d.config("linkerd-tcp.yml",
		"http://namerd:4180", namerd, "port: 9992", "port: 0", "port: 7474", fmt.Sprint("port: ", port), "0.0.0.0", "127.0.0.1"))
	d.admin = "http://" + d.proxy.logged(`msg="admin listening" address=`)
	d.proxy.logged("msg=listening")
	return d
}

// config is a configuration of the demo with the addresses of this test in it.
func (d *demo) config(name string, replacements ...string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		d.t.Fatal(err)
	}
	config := string(text)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(config, replacements[i]) {
			d.t.Fatalf("%s has no %q", name, replacements[i])
		}
		config = strings.ReplaceAll(config, replacements[i], replacements[i+1])
	}
	return config
}

// announce writes the address of a server into service discovery.
func (d *demo) announce(name string, s server) {
	d.t.Helper()
	file := filepath.Join(d.disco, name)
	if err := os.WriteFile(file+".next", fmt.Appendf(nil, "127.0.0.1 %d\n", s.port), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(file+".next", file); err != nil {
		d.t.Fatal(err)
	}
}

// answer is one of an HTTP server.
type answer struct {
	code   int
	header http.Header
	body   string
}

// ask asks the namerd for its table, or sends it one.
func (d *demo) ask(method, mediaType, body string) answer {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.api, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Accept", mediaType)
	request.Header.Set("Content-Type", mediaType)
	return d.do(request)
}

// post asks the proxy to do something.
func (d *demo) post(path string) int {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.admin+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.do(request).code
}

// await waits until the proxy's /config has text in it.
func (d *demo) await(text string) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.admin+"/config", nil)
		if err != nil {
			d.t.Fatal(err)
		}
		body := d.do(request).body
		if strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("/config has no %q, but:\n%s", text, body)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (d *demo) do(request *http.Request) answer {
	d.t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}
