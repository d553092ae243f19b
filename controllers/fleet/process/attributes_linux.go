// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes keep the terminal's Ctrl-C to the controller, which drains its
// children, and end a child whose controller was killed: SIGKILL, as there is
// nobody left who could see to a child that hangs in its drain.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
