// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the proxy that the tests run, and a controller that
// one of them kills: what it is called with tells.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "--controller":
		os.Exit(beProxy(os.Args[1:]))
	case len(os.Args) > 2 && os.Args[1] == "be-controller":
		os.Exit(beController(os.Args[2]))
	}
	os.Exit(m.Run())
}

// beProxy serves the admin address until SIGTERM. How it behaves is the name of
// the controller: "deaf" ignores SIGTERM, "unready" never gets ready, "doomed"
// ends at once. GET /crash ends it.
func beProxy(args []string) int {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	values := map[string]*string{}
	for _, name := range []string{
		"controller", "controller-name", "namespace", "fleet", "pod", "ca-file", "token-file",
		"state-dir", "bind", "admin-addr", "drain-delay", "drain-deadline",
	} {
		values[name] = flags.String(name, "", "")
	}
	flags.Bool("share-ports", false, "")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	behaviour := *values["controller"]
	if behaviour == "doomed" {
		return 3
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Printf("serving %s in %s\n", *values["fleet"], *values["namespace"])
	starts, err := os.OpenFile(filepath.Join(*values["state-dir"], "starts"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 4
	}
	fmt.Fprintln(starts, os.Getpid())
	starts.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(5) })
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if behaviour == "unready" {
			http.Error(w, "waiting for config", http.StatusServiceUnavailable)
		}
	})
	s := &http.Server{Addr: *values["admin-addr"], Handler: mux, ReadHeaderTimeout: time.Second}
	go func() {
		for range term {
			if behaviour != "deaf" {
				fmt.Print("draining") // without an end of line
				s.Close()
			}
		}
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, err)
		return 6
	}
	return 0
}

// pid asks the proxy at an admin address for its process.
func pid(ctx context.Context, addr string) (int, error) {
	res, err := ask(ctx, addr, "/pid")
	if err != nil {
		return 0, err
	}
	var n int
	_, err = fmt.Sscan(res, &n)
	return n, err
}

func ask(ctx context.Context, addr, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return "", err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// alive tells whether a process runs; one that nobody has waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("no %s within 20 s", what)
		}
	}
}
