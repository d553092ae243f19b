// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pipeline tests Wye as its users have it: the programs themselves,
// against a real API server, with proxies as processes and TCP connections through
// them. What is applied goes in; what is tested is what the API server then says,
// and where connections go.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// w is shared by the tests of this package, which run one after the other and
// keep apart by namespace.
var w *world

func TestMain(m *testing.M) {
	code, err := run(context.Background(), m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (code int, err error) {
	log.SetLogger(logr.Discard()) // of the client library in this process
	w, err = newWorld(ctx)
	if err == nil {
		code = m.Run()
	}
	failed := err != nil || code != 0
	return code, errors.Join(err, w.end(failed))
}
