// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Command wye-proxy is the data plane of Wye: a TCP proxy that serves what the
// controller of its fleet says, or a linkerd-tcp configuration file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings as parameters. It returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, drain, stop := signals()
	defer stop()

	command := newCommand(drain, stderr)
	command.SetArgs(args)
	command.SetOut(stdout)
	command.SetErr(stderr)
	err := command.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "wye-proxy: %v\nwye-proxy --help says more.\n", err)
		return exitUsage
	case errors.As(err, new(configError)):
		fmt.Fprintf(stderr, "wye-proxy: the configuration is not good:\n%v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "wye-proxy: %v\n", err)
		return exitFailed
	}
}

// signals turns the first SIGTERM or SIGINT into the closing of drain, and the
// second into the end of ctx.
func signals() (ctx context.Context, drain <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT)
	draining := make(chan struct{})
	go func() {
		defer cancel()
		for _, next := range []func(){func() { close(draining) }, cancel} {
			select {
			case <-caught:
				next()
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, draining, func() {
		signal.Stop(caught)
		cancel()
	}
}

// versionText is the version set by the linker, else what the Go tool knows.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
