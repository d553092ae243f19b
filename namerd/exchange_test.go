// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what was answered into testdata")

// Each file of testdata is a conversation with a namerd of its own: requests in
// lines that begin with >, the answers to them in lines that begin with <, byte for
// byte but for Date, Content-Length and X-Content-Type-Options. A \ at the end says
// that there is no newline there.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, start(t, fixture()), string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// fixture is what every conversation begins with.
func fixture() options {
	return options{
		tables: map[string]string{
			"default": "/cluster => /#/io.l5d.fs ; /svc => /cluster ; /svc/redis => /cluster/redis1 ;",
			"web": "/srv => /#/io.l5d.fs ; /host => /srv ; /http/1.1/* => /host ; " +
				"/host/users => 1 * /srv/users-v2 & 99 * /srv/users ;",
			"loop": "/a => /b ; /b => /a",
		},
		files: map[string]string{
			"redis1":   "127.0.0.1 6379\n",
			"redis2":   "127.0.0.1 6380 * 2.5\n127.0.0.2 6380\n",
			"users":    "10.0.0.1 80\n",
			"users-v2": "10.0.0.2 80\n",
			"empty":    "# nobody\n",
			"bad":      "127.0.0.1 6379\n127.0.0.1\n",
		},
	}
}

// converse sends the requests of a file, and returns the file with the answers
// that came.
func converse(t *testing.T, r *rig, file string) string {
	t.Helper()
	var out strings.Builder
	var request []string
	send := func() {
		if len(request) > 0 {
			out.WriteString(exchange(t, r.addr, request))
			request = nil
		}
	}
	for line := range strings.Lines(file) {
		text, isRequest := strings.CutPrefix(line, ">")
		_, isAnswer := strings.CutPrefix(line, "<")
		switch {
		case isRequest:
			request = append(request, strings.TrimPrefix(strings.TrimSuffix(text, "\n"), " "))
			out.WriteString(line)
		case isAnswer:
			send()
		default:
			send()
			out.WriteString(line)
		}
	}
	send()
	return out.String()
}

// exchange sends the lines of a request as they are, and shows the answer.
func exchange(t *testing.T, addr string, request []string) string {
	t.Helper()
	head, body := request, ""
	if end := slices.Index(request, ""); end >= 0 {
		head, body = request[:end], strings.Join(request[end+1:], "\n")
	}
	if body != "" && !slices.ContainsFunc(head, func(l string) bool { return strings.HasPrefix(l, "Transfer-Encoding") }) {
		head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
	} else {
		body = strings.ReplaceAll(body, "\n", "\r\n") // chunks
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n\r\n%s", head[0], addr, strings.Join(head[1:], "\r\n"), body)
	method, _, _ := strings.Cut(head[0], " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", head[0], err)
	}
	defer response.Body.Close()
	return show(t, response)
}

func show(t *testing.T, response *http.Response) string {
	t.Helper()
	lines := []string{response.Status}
	for name, values := range response.Header {
		if !slices.Contains([]string{"Date", "Content-Length", "Connection", "X-Content-Type-Options"}, name) {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	slices.Sort(lines[1:])
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 {
		lines = append(append(lines, ""), strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
		if !strings.HasSuffix(string(body), "\n") {
			lines[len(lines)-1] += "\\"
		}
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(strings.TrimSuffix("< "+line, " ") + "\n")
	}
	return out.String()
}
