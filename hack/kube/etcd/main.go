// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package main is etcd as a module that `go build` can make: etcd's own main
// package lies in a module with replace directives.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
