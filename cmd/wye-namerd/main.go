// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Command wye-namerd is namerd without Kubernetes: it keeps delegation tables,
// binds names by them, and serves namerd's HTTP interface from namerd's
// configuration file.
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

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main with its surroundings as parameters. It returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	command := newCommand(stderr)
	command.SetArgs(args)
	command.SetIn(stdin)
	command.SetOut(stdout)
	command.SetErr(stderr)
	err := command.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "wye-namerd: %v\nwye-namerd --help says more.\n", err)
		return exitUsage
	case errors.As(err, new(configError)):
		fmt.Fprintf(stderr, "wye-namerd: the configuration is not good:\n%v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "wye-namerd: %v\n", err)
		return exitFailed
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
	return "unknown"
}
