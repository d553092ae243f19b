// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import "syscall"

// attributes keep the terminal's Ctrl-C to the controller, which drains its
// children. Only Linux can end the children of a controller that was killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
