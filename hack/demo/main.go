// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package main is Wye's demo: one machine, no cluster. It starts a Kubernetes API
// server, the controller with proxies as its child processes, and two Redis
// servers; puts a steady load through the proxies; and moves that load from one
// Redis to the other with nothing but kubectl apply, checking after every step
// that each server got its share and that no command failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stay := flag.Bool("stay", false, "start everything, say how to use it, and stay until interrupted")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: demo [--stay]\n\nRun it by `make demo` or `make up`, from the root of the repository.")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *stay)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stay bool) (err error) {
	s, err := build(ctx)
	defer func() { err = errors.Join(err, s.tearDown(err != nil)) }()
	if err != nil {
		return err
	}
	if stay {
		return s.stay(ctx)
	}
	return s.play(ctx)
}
