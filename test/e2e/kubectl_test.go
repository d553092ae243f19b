//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// cleanupWithin bounds each step of cleaning up.
const cleanupWithin = 2 * time.Minute

// kubectl runs kubectl in the tests' namespace and returns what it printed.
func (w *world) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return w.kubectlWith(t, "", args...)
}

// kubectlWith runs kubectl with an input. What it warns of is an error.
func (w *world) kubectlWith(t *testing.T, input string, args ...string) string {
	t.Helper()
	cmd := w.kubectlCommand(t, input, args...)
	var warnings strings.Builder
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil || strings.Contains(warnings.String(), "Warning:") {
		t.Fatalf("kubectl %s: %v\n%s%s", strings.Join(args, " "), err, out, warnings.String())
	}
	return string(out)
}

func (w *world) kubectlCommand(t *testing.T, input string, args ...string) *exec.Cmd {
	args = slices.Concat(w.command[1:], []string{"--namespace", namespace}, args)
	cmd := exec.CommandContext(t.Context(), w.command[0], args...)
	cmd.Stdin = strings.NewReader(input)
	return cmd
}

// make runs a target of the Makefile.
func (w *world) make(ctx context.Context, t *testing.T, target string) {
	t.Helper()
	begun := time.Now()
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "-C", root, target, "KUBECTL="+strings.Join(w.command, " "))
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKEFLAGS=") })
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
	t.Logf("make %s: %s", target, since(begun))
}

// cleanup has f called when t has ended, with a context that has not.
func cleanup(t *testing.T, f func(context.Context)) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanupWithin)
		defer cancel()
		f(ctx)
	})
}

// diagnose logs what there is to know after a failure.
func (w *world) diagnose(t *testing.T) {
	if !t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanupWithin)
	defer cancel()
	for _, args := range [][]string{
		{"get", "wye", "-A", "-o", "yaml"},
		{"get", "pods,endpointslices", "-A", "-o", "wide"},
		{"get", "events", "-A", "--sort-by=.lastTimestamp"},
		{"logs", "--namespace", system, "--selector", "app.kubernetes.io/name=wye-controller", "--prefix", "--tail=200"},
		{"logs", "--namespace", namespace, "--selector", "app.kubernetes.io/name=wye-proxy", "--prefix", "--tail=200"},
	} {
		out, err := exec.CommandContext(ctx, w.command[0], slices.Concat(w.command[1:], args)...).CombinedOutput()
		t.Logf("$ kubectl %s (%v)\n%s", strings.Join(args, " "), err, out)
	}
}
