//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// running is a started peer or backend.
type running struct {
	name   string
	cmd    *exec.Cmd
	log    *os.File
	vars   vars
	done   chan struct{}
	beside *running // what the peer needs, and is not measured; nil for none
}

func (r *running) pid() int {
	if r == nil || r.cmd == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

// stop ends the process that start has started: SIGTERM, then SIGKILL.
func (r *running) stop() {
	if r == nil || r.cmd == nil {
		return
	}
	defer r.beside.stop()
	pids := tree(r.pid())
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintf(os.Stderr, "stop %s: %v\n", r.name, err)
	}
	select {
	case <-r.done:
	case <-time.After(5 * time.Second):
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		<-r.done
	}
	r.log.Close()
}

// launch starts a command with its output in logFile.
func launch(name string, argv, env []string, logFile string) (*running, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// Pdeathsig is tied to the thread that starts the child, so that thread
	// is kept for as long as the child runs.
	started := make(chan error)
	r := &running{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(r.done)
		}
	}()
	if err := <-started; err != nil {
		log.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// waitFor waits until something listens on port.
func (r *running) waitFor(port int) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", address(port), time.Second)
		if err == nil {
			conn.Close()
			return nil
		}
		select {
		case <-r.done:
			return fmt.Errorf("%s ended at its start; see %s", r.name, r.log.Name())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen on port %d; see %s", r.name, port, r.log.Name())
		}
	}
}

// freePorts finds n ports that nothing listens on.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		ln, err := net.Listen("tcp", host+":0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		ports = append(ports, ln.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
