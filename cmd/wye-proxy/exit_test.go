// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"
	"testing"
)

func TestExitCodesTellMistakesFromFailures(t *testing.T) {
	const good = "--controller c:1 --namespace n --fleet f --ca-file c --token-file t "
	for args, want := range map[string]int{
		"--help":                               0,
		"--version":                            0,
		"":                                     exitUsage,
		"--nonsense":                           exitUsage,
		"file.yml":                             exitUsage,
		good + "--bind nobody":                 exitUsage,
		good + "--admin-addr 203.0.113.1:9990": exitFailed,
	} {
		if got := run(strings.Fields(args), io.Discard, io.Discard); got != want {
			t.Errorf("wye-proxy %s: exit code %d, want %d", args, got, want)
		}
	}
}
