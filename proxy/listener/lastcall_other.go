// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package listener

import "net"

// turnAway is not possible here.
func turnAway(*net.TCPListener) {}
