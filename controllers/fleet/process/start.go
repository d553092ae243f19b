// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os/exec"
	"runtime"
)

// starter starts processes, all from one OS thread. Linux sends the signal of
// Pdeathsig when the thread that started a process ends, not when the program
// does; and Go ends threads as it likes, except one that a goroutine is locked to.
type starter chan startRequest

type startRequest struct {
	cmd  *exec.Cmd
	done chan<- error
}

// run starts what is asked for until stopped is closed. Nothing that it started
// may still run then.
func (s starter) run(stopped <-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case req := <-s:
			req.done <- req.cmd.Start()
		case <-stopped:
			return
		}
	}
}

// start starts a process while run runs.
func (s starter) start(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	s <- startRequest{cmd, done}
	return <-done
}
