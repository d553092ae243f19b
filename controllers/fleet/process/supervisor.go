// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"github.com/wye-dev/wye/controllers/fleet"
)

const (
	maxRestartDelay = 30 * time.Second
	steadyAfter     = 30 * time.Second // a process that ran this long starts again without delay doubled
	probeStarting   = 100 * time.Millisecond
	probeReady      = time.Second
	probeTimeout    = time.Second
	outputGrace     = time.Second // for the output of a process that has ended
)

var errNotReady = errors.New("not ready")

// supervisor keeps one proxy process running.
type supervisor struct {
	binary       string
	flags        fleet.Flags
	restartDelay time.Duration
	killGrace    time.Duration
	starter      starter
	output       *output
	log          logr.Logger
	report       func(state)
}

// run starts the process again whenever it ends, until ctx ends; then it drains
// the process and returns when that is gone.
func (s *supervisor) run(ctx context.Context) {
	delay := s.restartDelay
	for ctx.Err() == nil {
		began := time.Now()
		wasReady, err := s.once(ctx)
		s.report(state{})
		if ctx.Err() != nil {
			return
		}
		if !wasReady {
			s.flags.AdminAddr = "" // perhaps somebody else has that port
		}
		if time.Since(began) >= steadyAfter {
			delay = s.restartDelay
		}
		s.log.Error(err, "proxy ended, starting it again", "after", delay)
		if !wait(ctx, delay) {
			return
		}
		delay = min(2*delay, maxRestartDelay)
	}
}

// once runs the process to its end, which is never without an error unless ctx
// ended. It tells whether the process was ready at any time.
func (s *supervisor) once(ctx context.Context) (wasReady bool, err error) {
	if err := os.MkdirAll(s.flags.StateDir, 0o700); err != nil {
		return false, fmt.Errorf("make the state directory: %w", err)
	}
	if s.flags.AdminAddr == "" {
		if s.flags.AdminAddr, err = freeAddress(); err != nil {
			return false, err
		}
	}
	out := s.output.prefixed(s.flags.Pod)
	defer out.flush()
	cmd := exec.Command(s.binary, s.flags.Args()...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = outputGrace
	if err := s.starter.start(cmd); err != nil {
		return false, fmt.Errorf("start %s: %w", s.binary, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	wasReady, ended, err := s.watch(ctx, exited)
	if ended {
		return wasReady, err
	}
	return wasReady, s.stop(cmd, exited)
}

// watch follows the readiness of a process until it ends or ctx does.
func (s *supervisor) watch(ctx context.Context, exited <-chan error) (wasReady, ended bool, err error) {
	now := state{is: running, starting: time.Now(), admin: s.flags.AdminAddr}
	s.report(now)
	timer := time.NewTimer(probeStarting)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return wasReady, false, nil
		case err := <-exited:
			if err == nil {
				err = errors.New("exit status 0")
			}
			return wasReady, true, err
		case <-timer.C:
		}
		if now.ready = probe(ctx, now.admin) == nil; now.ready {
			wasReady, now.starting = true, time.Time{}
		}
		s.report(now)
		timer.Reset(probeStarting)
		if now.ready {
			timer.Reset(probeReady)
		}
	}
}

// stop asks the process to drain, and kills it when it takes longer than it should.
func (s *supervisor) stop(cmd *exec.Cmd, exited <-chan error) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.log.Error(err, "signal proxy")
	}
	limit := time.NewTimer(s.flags.DrainDelay + s.flags.DrainDeadline + s.killGrace)
	defer limit.Stop()
	select {
	case err := <-exited:
		return err
	case <-limit.C:
	}
	s.log.Info("proxy did not end after its drain deadline, killing it", "pid", cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.log.Error(err, "kill proxy")
	}
	return <-exited
}

// probe asks a process whether it is ready.
func probe(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/ready", nil)
	if err != nil {
		return err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errNotReady
	}
	return nil
}

// freeAddress is an address on loopback that nobody listens on at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// wait returns false if ctx ends before d is over.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
