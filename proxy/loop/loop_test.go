// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// A timer that is late writes to nobody: the descriptor is another's by then.
func TestALetterToALoopThatIsGoneIsDropped(t *testing.T) {
	l, err := newLoop(&Driver{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var others [4]int // one of them gets the number of the mailbox
	l.close()
	for i := range others {
		if others[i], err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(others[i])
	}
	l.post(letter{do: func() {}})
	for _, fd := range others {
		if _, err := unix.Read(fd, make([]byte, 8)); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("the letter went to somebody else: %v", err)
		}
	}
}
