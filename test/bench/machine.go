//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine describes this machine.
func machine() map[string]string {
	m := map[string]string{"cores": strconv.Itoa(runtime.NumCPU()), "go": runtime.Version(), "architecture": runtime.GOARCH}
	for key, path := range map[string]string{
		"kernel":             "/proc/sys/kernel/osrelease",
		"congestion_control": "/proc/sys/net/ipv4/tcp_congestion_control",
	} {
		if b, err := os.ReadFile(path); err == nil {
			m[key] = strings.TrimSpace(string(b))
		}
	}
	if cpu := value("/proc/cpuinfo", "model name"); cpu != "" {
		m["cpu"] = cpu
	}
	if memory := value("/proc/meminfo", "MemTotal"); memory != "" {
		m["memory"] = memory
	}
	return m
}

// value is the first of a key in a file of "key : value" lines.
func value(path, key string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
