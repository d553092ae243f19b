// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"cmp"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// trust refuses a peer that is neither of the own user nor root.
func trust(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	control := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := cmp.Or(control, err); err != nil {
		return err
	}
	return trusted(int(peer.Uid), os.Geteuid())
}

func trusted(peer, own int) error {
	if peer != own && peer != 0 {
		return fmt.Errorf("the other process is of user %d, and this one of user %d", peer, own)
	}
	return nil
}
