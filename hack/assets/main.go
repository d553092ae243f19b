// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package main prints the directory that holds etcd, kube-apiserver and
// kubectl, for tests and the demo: what KUBEBUILDER_ASSETS says, or else a
// directory in the user's cache, where they are built from the module pinned
// in hack/kube the first time. Only the directory goes to standard output.
//
//	export KUBEBUILDER_ASSETS=$(go run ./hack/assets)
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := assets(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "assets:", err)
		stop()
		os.Exit(1)
	}
	fmt.Println(dir)
}

// assets returns the directory, after building what should be in it if need be.
func assets(ctx context.Context) (string, error) {
	// 1. The user's own choice wins.
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir, nil
	}
	// 2. One directory in the cache for each set of pins.
	module, err := moduleDir(ctx)
	if err != nil {
		return "", err
	}
	version, err := kubeVersion(ctx, module)
	if err != nil {
		return "", err
	}
	name, err := directoryName(module, version)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	dir := filepath.Join(cache, "wye", name)
	if exists(dir) {
		return dir, nil
	}
	// 3. Only one process builds; the others wait for it.
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(dir) {
		return dir, nil
	}
	return dir, build(ctx, module, version, dir)
}

// moduleDir finds hack/kube from anywhere in the repository.
func moduleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "hack", "kube")
	if !exists(filepath.Join(dir, "go.mod")) {
		return "", fmt.Errorf("no module in %s: run this inside the repository", dir)
	}
	return dir, nil
}

func kubeVersion(ctx context.Context, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-C", module, "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("read the pinned version of Kubernetes: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// directoryName changes whenever the pins do.
func directoryName(module, version string) (string, error) {
	hash := sha256.New()
	for _, file := range []string{"go.mod", "go.sum", "etcd/main.go"} {
		content, err := os.ReadFile(filepath.Join(module, file))
		if err != nil {
			return "", fmt.Errorf("read the pins: %w", err)
		}
		hash.Write(content)
	}
	return fmt.Sprintf("kube-%s-%s-%s-%.6x", version, runtime.GOOS, runtime.GOARCH, hash.Sum(nil)), nil
}

// lock takes an exclusive lock on a file. The kernel releases it when the
// process ends, however it ends.
func lock(ctx context.Context, file string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", file, err)
		}
		if !told {
			fmt.Fprintln(os.Stderr, "waiting for another process that is building etcd and kube-apiserver")
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
