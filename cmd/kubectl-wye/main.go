// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-wye is Wye's command line, a plugin of kubectl.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/wye-dev/wye/cli"
)

// version is set when a release is built.
var version = "dev"

func main() {
	log.SetLogger(logr.Discard()) // the client library's; what matters comes as errors
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Run(ctx, cli.Environment{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Getenv:    os.Getenv,
		Dir:       workingDirectory(),
		Version:   version,
	}, os.Args[1:])
	stop()
	os.Exit(status)
}

// workingDirectory is where the user is, by the name that the shell has for it
// (which symbolic links may lead to). Its parents are those of that name.
func workingDirectory() string {
	if dir := os.Getenv("PWD"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return dir
}
