// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// progressEvery is how often a running build says that it is alive.
const progressEvery = 20 * time.Second

// build makes the three binaries in a directory beside dir and then renames it,
// so that dir is complete whenever it exists. The caller holds the lock.
func build(ctx context.Context, module, version, dir string) error {
	fmt.Fprintln(os.Stderr, "building etcd, kube-apiserver and kubectl, 5 to 7 minutes on two cores, once")
	staging := dir + ".building"
	if err := os.RemoveAll(staging); err != nil {
		return fmt.Errorf("clear an unfinished build: %w", err)
	}
	if err := os.MkdirAll(staging, 0o755); err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	start := time.Now()
	for _, binary := range []struct{ name, pkg string }{
		{"etcd", "./etcd"},
		{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
		{"kubectl", "k8s.io/kubernetes/cmd/kubectl"},
	} {
		if err := buildOne(ctx, module, version, filepath.Join(staging, binary.name), binary.pkg); err != nil {
			return fmt.Errorf("build %s: %w", binary.name, err)
		}
	}
	if err := os.Rename(staging, dir); err != nil {
		return fmt.Errorf("put the build in its place: %w", err)
	}
	fmt.Fprintf(os.Stderr, "built in %s: %s\n", since(start), dir)
	return nil
}

func buildOne(ctx context.Context, module, version, file, pkg string) error {
	name, start := filepath.Base(file), time.Now()
	out := &buildOutput{}
	// -trimpath would compile everything anew where the packages are in the build cache already.
	cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-v", "-buildvcs=false", "-ldflags", stamp(version), "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(os.Stderr, "  %s: %s, %s\n", name, since(start), out.progress())
		case err := <-done:
			if err != nil {
				return fmt.Errorf("%w\n%s", err, out.tail())
			}
			fmt.Fprintf(os.Stderr, "  %s: done in %s\n", name, since(start))
			return nil
		}
	}
}

// stamp gives a binary the version that it reports, as Kubernetes' own build does.
func stamp(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+version,
			"-X "+pkg+".gitMajor="+major,
			"-X "+pkg+".gitMinor="+minor,
			"-X "+pkg+".gitTreeState=clean")
	}
	return strings.Join(flags, " ")
}

func since(start time.Time) time.Duration { return time.Since(start).Round(time.Second) }

// buildOutput takes what `go build -v` writes: a line for each module that it
// downloads and each package that it compiles.
type buildOutput struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write implements io.Writer.
func (o *buildOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *buildOutput) progress() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	downloads := bytes.Count(o.text.Bytes(), []byte("go: downloading "))
	packages := bytes.Count(o.text.Bytes(), []byte("\n")) - downloads
	return fmt.Sprintf("%d modules downloaded, %d packages compiled", downloads, packages)
}

// tail is what a reader needs of a build that failed.
func (o *buildOutput) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(o.text.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
