// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package listener_test

func planes() map[string]plane { return map[string]plane{"goroutines": goroutines} }
