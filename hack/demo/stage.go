// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/test/kube"
	"github.com/wye-dev/wye/test/ports"
)

const (
	manifests  = "config/samples/demo"
	entrance   = "127.0.0.1:7474" // where the sample route listens
	stopWithin = 30 * time.Second
)

// stage is everything that runs during the demo.
type stage struct {
	dir        string // for logs, discovery files and the proxies' state
	kube       *kube.Env
	client     client.Client
	servers    []server
	controller *exec.Cmd
	inspection string     // HOST:PORT where the controller says what the proxies saw
	exited     chan error // of the controller
}

// build starts everything up to a fleet that is ready. What it started before an
// error is in the stage that it returns, for tearDown.
func build(ctx context.Context) (*stage, error) {
	s := &stage{exited: make(chan error, 1)}
	var err error
	if s.dir, err = os.MkdirTemp("", "wye-demo-"); err != nil {
		return s, fmt.Errorf("make a directory: %w", err)
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"starting etcd and kube-apiserver", s.startKube},
		{"installing the kinds and the controller's permissions", s.install},
		{"starting two Redis servers", s.startServers},
		{"starting the controller", s.startController},
		{"applying a fleet of three proxies, a route and a table", s.applyFleet},
	} {
		fmt.Println("•", step.what)
		if err := step.do(ctx); err != nil {
			return s, fmt.Errorf("%s: %w (logs are in %s)", step.what, err, s.dir)
		}
	}
	return s, nil
}

func (s *stage) startKube(ctx context.Context) error {
	if l, err := net.Listen("tcp", entrance); err != nil {
		return fmt.Errorf("the demo's clients need %s: %w", entrance, err)
	} else if err := l.Close(); err != nil {
		return err
	}
	var err error
	if s.kube, err = kube.Start(ctx, kube.Options{Dir: s.dir}); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	s.client, err = client.New(s.kube.Config, client.Options{Scheme: scheme})
	return err
}

func (s *stage) install(ctx context.Context) error {
	if _, err := s.kubectl(ctx, "apply", "-k", "config/local"); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, "wait", "--for=condition=Established", "crd/dtabs.wye.dev", "crd/tcproutes.wye.dev", "crd/proxyfleets.wye.dev")
	return err
}

// startController runs it as what it is in a cluster: a service account with the
// permissions of config/rbac and no more.
func (s *stage) startController(ctx context.Context) error {
	kubeconfig := filepath.Join(s.dir, "controller.kubeconfig")
	if err := s.kube.WriteKubeconfig(ctx, kubeconfig, "wye-system", "wye-controller-manager"); err != nil {
		return err
	}
	push, err := ports.Address()
	if err != nil {
		return err
	}
	if s.inspection, err = ports.Address(); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "controller.log"))
	if err != nil {
		return err
	}
	defer log.Close()                                 // the child has its own descriptor
	s.controller = exec.Command("bin/wye-controller", //nolint:noctx // it is stopped by SIGTERM, not killed by a context
		"--runtime=process", "--proxy-binary=bin/wye-proxy", "--kubeconfig="+kubeconfig,
		"--state-dir="+filepath.Join(s.dir, "proxies"), "--fs-root="+s.disco(),
		"--push-bind-address="+push, "--push-address="+push,
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--inspect-bind-address="+s.inspection,
		"--log-format=text")
	s.controller.Stdout, s.controller.Stderr = log, log
	s.controller.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the demo is the demo's to pass on
	if err := s.controller.Start(); err != nil {
		return fmt.Errorf("start bin/wye-controller (is it built? `make build`): %w", err)
	}
	go func() { s.exited <- s.controller.Wait() }()
	return nil
}

func (s *stage) applyFleet(ctx context.Context) error {
	for _, file := range []string{"01-redis1.yaml", "00-fleet.yaml"} {
		if _, err := s.kubectl(ctx, "apply", "-f", filepath.Join(manifests, file)); err != nil {
			return err
		}
	}
	_, err := s.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "proxyfleet/redis", "tcproute/redis", "dtab/default")
	return err
}

// kubectl runs kubectl and returns what it printed.
func (s *stage) kubectl(ctx context.Context, args ...string) (string, error) {
	out, err := s.kube.Kubectl(ctx, args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("kubectl %s: %s", strings.Join(args, " "), strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}

// disco is the directory of discovery files, one for each Redis.
func (s *stage) disco() string { return filepath.Join(s.dir, "disco") }

// tearDown stops what build started, in the reverse order, and waits for it. The
// logs go as well, unless somebody will want to read them.
func (s *stage) tearDown(keepLogs bool) error {
	var errs []error
	if s.controller != nil && s.controller.Process != nil {
		errs = append(errs, s.stopController())
	}
	for _, server := range s.servers {
		errs = append(errs, server.stop())
	}
	if s.kube != nil {
		errs = append(errs, s.kube.Stop())
	}
	if !keepLogs {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// stopController asks the controller to stop; it drains its proxies first.
func (s *stage) stopController() error {
	_ = s.controller.Process.Signal(syscall.SIGTERM) // it may have ended already; then exited tells
	select {
	case err := <-s.exited:
		if err != nil {
			return fmt.Errorf("wye-controller ended: %w", err)
		}
		return nil
	case <-time.After(stopWithin):
		return errors.Join(errors.New("wye-controller did not stop in time"), s.controller.Process.Kill())
	}
}
