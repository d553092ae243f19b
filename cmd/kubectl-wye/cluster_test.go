// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/wye-dev/wye/test/kube"
)

// What needs a cluster. Each script has a namespace of its own, which its
// kubeconfig names; the controller's part is played by writing statuses.
func TestCluster(t *testing.T) {
	server, err := kube.Start(t.Context(), kube.Options{CRDs: []string{"../../config/crd/bases"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Run("watching", func(t *testing.T) { testWatching(t, server) })
	t.Run("watching proxies", func(t *testing.T) { testWatchingProxies(t, server) })
	t.Run("forwarding", func(t *testing.T) { testForwarding(t, server) })
	// Scripts are run in parallel, after this function; t.Run waits for them.
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:   "testdata/cluster",
			Setup: func(env *testscript.Env) error { return inNamespace(t, server, env) },
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"kubectl": func(ts *testscript.TestScript, negated bool, args []string) {
					command := server.Kubectl(t.Context())
					if err := ts.Exec(command.Path, args...); (err != nil) != negated {
						ts.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
					}
				},
			},
		})
	})
}

// status -w shows a route again whenever it looks different, until it is interrupted.
func testWatching(t *testing.T, server *kube.Env) {
	kubectl := func(args ...string) {
		t.Helper()
		if out, err := server.Kubectl(t.Context(), args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	kubectl("apply", "-f", "testdata/watched.yaml")
	status := exec.CommandContext(t.Context(), "kubectl-wye", "status", "watched", "-w", "--kubeconfig", server.Kubeconfig)
	stdout, err := status.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := status.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { _ = status.Process.Kill() })
	defer stuck.Stop()
	lines := bufio.NewScanner(stdout)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q, want %q (%v)", lines.Text(), want, lines.Err())
		}
	}
	expect("tcproute/watched: /svc/redis by dtab/default, port 6379 of fleet edge")
	expect("  The controller has not looked at the newest form yet.")
	kubectl("label", "tcproute", "watched", "nothing=to-see")
	kubectl("patch", "tcproute", "watched", "--subresource=status", "--type=merge", "-p", `{"status":{"observedGeneration":1,"proxies":{"total":1,"converged":1,"rejected":0}}}`)
	expect("")
	expect("tcproute/watched: /svc/redis by dtab/default, port 6379 of fleet edge")
	expect("  1 of 1 proxies serve the newest form.")
	kubectl("delete", "tcproute", "watched")
	expect("")
	expect("tcproute/watched was deleted")
	if err := status.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := status.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

// inNamespace makes a namespace for a script, and a kubeconfig that names it.
func inNamespace(t *testing.T, server *kube.Env, env *testscript.Env) error {
	config, err := clientcmd.LoadFromFile(server.Kubeconfig)
	if err != nil {
		return err
	}
	namespace := "test-" + filepath.Base(env.WorkDir)[len("script-"):]
	for _, kubeContext := range config.Contexts {
		kubeContext.Namespace = namespace
	}
	file := filepath.Join(env.WorkDir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return err
	}
	env.Setenv("KUBECONFIG", file)
	env.Setenv("NAMESPACE", namespace)
	env.Setenv("CONTROLLER", startObserved(t, observed{}))
	if out, err := server.Kubectl(t.Context(), "create", "namespace", namespace).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
