// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/test/kube"
	"github.com/wye-dev/wye/test/ports"
	"github.com/wye-dev/wye/test/programs"
)

const root = "../../.." // of the repository

// world is what the tests share: an API server, and the controller with its
// proxies, as `make demo` starts them.
type world struct {
	dir        string // for logs and for everything that is kept in files
	bin        string // of the programs
	kube       *kube.Env
	client     client.WithWatch // of the administrator
	kubeconfig string           // of the controller
	controller *exec.Cmd        // nil when it does not run
	exited     chan error       // of the controller
	metrics    string           // HOST:PORT of the controller's /metrics
	inspection string           // HOST:PORT where the controller says what the proxies saw
	temporary  string           // if it is not empty: TMPDIR of a controller that is given no --state-dir
}

// newWorld starts it all. What it started before an error is in the world that
// it returns, for end.
func newWorld(ctx context.Context) (*world, error) {
	w := &world{}
	for _, step := range []func(context.Context) error{w.makeDirs, w.startKube, w.install, w.writeKubeconfig, w.findPrograms} {
		if err := step(ctx); err != nil {
			return w, err
		}
	}
	return w, w.startController()
}

// end stops what runs. Logs that are of interest stay: those of a failure.
func (w *world) end(failed bool) error {
	err := errors.Join(w.stopController(syscall.SIGTERM), w.complaints())
	if w.kube != nil {
		err = errors.Join(err, w.kube.Stop())
	}
	if failed || err != nil {
		return errors.Join(err, fmt.Errorf("logs are in %s", w.dir))
	}
	return os.RemoveAll(w.dir)
}

// complaints are the errors in the log of the controller and its proxies. No test
// does anything that is one: a user's mistake is told in a status. What a stop of
// the controller cuts short does not count.
func (w *world) complaints() error {
	log, err := os.ReadFile(w.log())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "level=ERROR") && !strings.Contains(line, "context canceled") || strings.HasPrefix(line, "panic:") {
			errs = append(errs, errors.New(strings.TrimSpace(line)))
		}
	}
	return errors.Join(errs...)
}

func (w *world) log() string { return filepath.Join(w.dir, "controller.log") }

// disco is the directory behind /#/io.l5d.fs.
func (w *world) disco() string { return filepath.Join(w.dir, "disco") }

func (w *world) makeDirs(context.Context) (err error) {
	if w.dir, err = os.MkdirTemp("", "wye-pipeline-"); err != nil {
		return err
	}
	for _, dir := range []string{w.disco(), filepath.Join(w.dir, "bin")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) startKube(ctx context.Context) (err error) {
	if w.kube, err = kube.Start(ctx, kube.Options{Dir: w.dir}); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, discoveryv1.AddToScheme, eventsv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	w.client, err = client.NewWithWatch(w.kube.Config, client.Options{Scheme: scheme})
	return err
}

func (w *world) install(ctx context.Context) error {
	if _, err := w.kubectl(ctx, "apply", "-k", filepath.Join(root, "config/local")); err != nil {
		return err
	}
	_, err := w.kubectl(ctx, "wait", "--for=condition=Established", "crd/dtabs.wye.dev", "crd/tcproutes.wye.dev", "crd/proxyfleets.wye.dev")
	return err
}

// writeKubeconfig makes the controller what it is in a cluster: a service account
// with the permissions of config/rbac and no more.
func (w *world) writeKubeconfig(ctx context.Context) error {
	w.kubeconfig = filepath.Join(w.dir, "controller.kubeconfig")
	return w.kube.WriteKubeconfig(ctx, w.kubeconfig, "wye-system", "wye-controller-manager")
}

func (w *world) findPrograms(ctx context.Context) (err error) {
	w.bin, err = programs.Find(ctx, root, filepath.Join(w.dir, "bin"), "wye-controller", "wye-proxy", "kubectl-wye")
	return err
}

// startController starts the controller, and does not wait until it does anything.
func (w *world) startController() error {
	push, err := ports.Address()
	if err != nil {
		return err
	}
	if w.metrics, err = ports.Address(); err != nil {
		return err
	}
	if w.inspection, err = ports.Address(); err != nil {
		return err
	}
	log, err := os.OpenFile(w.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(filepath.Join(w.bin, "wye-controller"),
		"--runtime=process", "--proxy-binary="+filepath.Join(w.bin, "wye-proxy"), "--kubeconfig="+w.kubeconfig,
		"--fs-root="+w.disco(),
		"--push-bind-address="+push, "--push-address="+push,
		"--metrics-bind-address="+w.metrics, "--metrics-secure=false",
		"--health-probe-bind-address=0", "--inspect-bind-address="+w.inspection,
		"--log-format=text", "--log-level=debug")
	if w.temporary == "" {
		cmd.Args = append(cmd.Args, "--state-dir="+filepath.Join(w.dir, "proxies"))
	} else {
		cmd.Env = append(os.Environ(), "TMPDIR="+w.temporary)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the controller: %w", err)
	}
	w.controller, w.exited = cmd, make(chan error, 1)
	go func() { w.exited <- cmd.Wait() }()
	return nil
}

// stopController ends the controller by a signal, and with it its proxies. One
// that does not run is no error; one that ends otherwise than it should is.
func (w *world) stopController(by syscall.Signal) error {
	if w.controller == nil {
		return nil
	}
	cmd := w.controller
	w.controller = nil
	_ = cmd.Process.Signal(by) // it may have ended already, as exited tells
	var err error
	select {
	case err = <-w.exited:
	case <-time.After(patience):
		return errors.Join(errors.New("the controller did not end in time"), cmd.Process.Kill())
	}
	if by != syscall.SIGKILL && err != nil {
		return fmt.Errorf("the controller ended: %w", err)
	}
	return nil
}

// kubectl runs kubectl as the administrator and returns what it printed.
func (w *world) kubectl(ctx context.Context, args ...string) (string, error) {
	out, err := w.kube.Kubectl(ctx, args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("kubectl %s: %s", strings.Join(args, " "), strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}
