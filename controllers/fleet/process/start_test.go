// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/controllers/fleet"
)

func TestProcessOutlivesTheThreadThatAskedForIt(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, stopped, ended := make(starter), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.run(stopped)
	}()
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, fleet.Flags{Controller: "good", StateDir: t.TempDir(), AdminAddr: addr}.Args()...)
	cmd.SysProcAttr = attributes()
	defer func() {
		close(stopped)
		<-ended
	}()

	thread := onThreadThatEnds(func() {
		if err := s.start(cmd); err != nil {
			t.Error(err)
		}
	})
	if cmd.Process == nil {
		t.Fatal("no process")
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	task := fmt.Sprintf("/proc/self/task/%d", thread)
	eventually(t, "end of the thread", func() bool {
		_, err := os.Stat(task)
		return errors.Is(err, os.ErrNotExist)
	})
	eventually(t, "answer of the process", func() bool {
		if !alive(cmd.Process.Pid) {
			t.Fatal("the process ended with the thread")
		}
		n, err := pid(t.Context(), addr)
		return err == nil && n == cmd.Process.Pid
	})
}

// onThreadThatEnds calls f on an OS thread that ends after that, and says which.
func onThreadThatEnds(f func()) int {
	id := make(chan int, 1)
	go func() {
		runtime.LockOSThread() // a goroutine that never unlocks its thread ends it
		if unix.Gettid() == unix.Getpid() {
			// But for the first thread of the program. Hold it, and take another.
			defer runtime.UnlockOSThread()
			id <- onThreadThatEnds(f)
			return
		}
		f()
		id <- unix.Gettid()
	}()
	return <-id
}
