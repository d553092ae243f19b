// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package articles plays the two articles that introduced linkerd-tcp and namerd
// against our servers, to the letter: their commands by kubectl-wye under the name
// namerctl, and what namerctl sends by curl. There is one script for each, and two
// servers: wye-namerd, and wye-controller over the Dtabs of a real API server.
package articles

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/wye-dev/wye/test/kube"
	"github.com/wye-dev/wye/test/programs"
)

const (
	root = "../.." // of the repository
	// patience is how long a test waits for what must happen.
	patience = time.Minute
)

// start starts a server for a script, and tells the script where it is.
type start func(t *testing.T, env *testscript.Env) error

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard()) // of the client library in this process
	os.Exit(m.Run())
}

func TestAgainstNamerd(t *testing.T) {
	bin := find(t)
	play(t, bin, "articles", startNamerd(bin), nil)
}

func TestAgainstTheController(t *testing.T) {
	bin, cluster := find(t), newCluster(t)
	play(t, bin, "articles", startController(bin, cluster, "127.0.0.1:0"), cluster)
	play(t, bin, "tls", startController(bin, cluster, "0.0.0.0:0", "--namerd-server-names=namerd.example.com,127.0.0.1"), cluster)
}

// find gives the directory of the programs.
func find(t *testing.T) string {
	t.Helper()
	bin, err := programs.Find(t.Context(), root, t.TempDir(), "wye-namerd", "wye-controller", "kubectl-wye")
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// play runs the scripts of a folder one after the other, each with a server of its
// own. The condition kubernetes is for what concerns a cluster alone.
func play(t *testing.T, bin, folder string, start start, cluster *kube.Env) {
	scripts, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("scripts %v: %v", scripts, err)
	}
	for _, script := range scripts {
		params := testscript.Params{
			Files:               []string{script},
			RequireExplicitExec: true,
			Setup: func(env *testscript.Env) error {
				if err := asNamerctl(env, bin); err != nil {
					return err
				}
				return start(t, env)
			},
			Condition: func(name string) (bool, error) {
				if name != "kubernetes" {
					return false, fmt.Errorf("unknown condition %s", name)
				}
				return cluster != nil, nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
		}
		if cluster != nil {
			params.Cmds["kubectl"] = func(ts *testscript.TestScript, negated bool, args []string) {
				command := cluster.Kubectl(t.Context(), append([]string{"--namespace=" + ts.Getenv("NAMESPACE")}, args...)...)
				if err := ts.Exec(command.Path, command.Args[1:]...); (err != nil) != negated {
					ts.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
				}
			}
		}
		// One in a group of its own, which waits for it: they would run in parallel.
		t.Run(folder, func(t *testing.T) { testscript.Run(t, params) })
	}
}

// asNamerctl lets a script call kubectl-wye, by that name and as namerctl.
func asNamerctl(env *testscript.Env, bin string) error {
	links := filepath.Join(env.WorkDir, "bin")
	if err := os.Mkdir(links, 0o755); err != nil {
		return err
	}
	list := string(filepath.ListSeparator)
	env.Setenv("PATH", links+list+bin+list+env.Getenv("PATH"))
	return os.Symlink(filepath.Join(bin, "kubectl-wye"), filepath.Join(links, "namerctl"))
}

// await is the command `await FILE REGEXP`: it waits until a line of a file that
// somebody writes matches.
func await(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	line, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && line.Match(text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s does not come to match %s: %v\n%s", args[0], args[1], err, text)
		}
	}
}

func newCluster(t *testing.T) *kube.Env {
	t.Helper()
	cluster, err := kube.Start(t.Context(), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, args := range [][]string{
		{"apply", "--kustomize=" + filepath.Join(root, "config", "local")},
		{"wait", "--for=condition=Established", "crd", "--all"},
	} {
		if out, err := cluster.Kubectl(t.Context(), args...).CombinedOutput(); err != nil {
			t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return cluster
}
