// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package api tests Wye's kinds as a real API server sees them: what the schema
// accepts and refuses, in which words, what kubectl shows, and that the samples apply.
package api

import (
	"context"
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/test/kube"
)

// server and admin are shared by the tests of this package, which keep apart by
// namespace or only try things (dry run).
var (
	server *kube.Env
	admin  client.Client
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	server, err = kube.Start(context.Background(), kube.Options{CRDs: []string{"../../../config/crd/bases"}})
	if err != nil {
		return 1, err
	}
	defer func() {
		if stop := server.Stop(); stop != nil {
			err = stop
		}
	}()
	admin, err = client.New(server.Config, client.Options{})
	if err != nil {
		return 1, err
	}
	return m.Run(), nil
}
