// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kube starts a Kubernetes API server for tests and the demo: etcd and
// kube-apiserver as child processes on loopback, with Wye's kinds installed if
// asked, and a kubeconfig file. It has no kubelet, no scheduler and none of the
// controllers of a cluster: what is stored stays as it is. It never downloads
// anything and never touches a cluster that was there before.
package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options say what to start.
type Options struct {
	// Assets is the directory with etcd, kube-apiserver and kubectl. What the
	// environment says in KUBEBUILDER_ASSETS when empty.
	Assets string
	// Dir is where the kubeconfig and the logs go; it must exist. A temporary
	// directory, removed by Stop, when empty.
	Dir string
	// CRDs are files, or directories of files, with CustomResourceDefinitions to
	// install. None when empty.
	CRDs []string
	// StartTimeout is how long each process may take to answer. 2 minutes when 0.
	StartTimeout time.Duration
}

// Env is a running API server. Its user may do everything.
type Env struct {
	Config     *rest.Config // of the administrator
	Kubeconfig string       // path of a file that says the same

	kubectl string
	remove  string // temporary directory, empty if it is the caller's
	plane   *envtest.Environment
}

// Start starts etcd and kube-apiserver and returns once they answer and the
// CRDs are served. The caller calls Stop.
func Start(ctx context.Context, options Options) (*Env, error) {
	assets, err := assetsDir(options.Assets)
	if err != nil {
		return nil, err
	}
	env := &Env{kubectl: filepath.Join(assets, "kubectl")}
	dir := options.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "wye-kube-"); err != nil {
			return nil, fmt.Errorf("make a directory for the kubeconfig: %w", err)
		}
		env.remove = dir
	}
	if err := env.start(ctx, assets, dir, options); err != nil {
		return nil, errors.Join(err, env.Stop())
	}
	return env, nil
}

// Kubectl returns a kubectl command against this API server, ready to be run.
func (e *Env) Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, e.kubectl, append([]string{"--kubeconfig=" + e.Kubeconfig}, args...)...)
}

// Stop ends both processes and waits until they are gone. What was stored is lost.
func (e *Env) Stop() error {
	var err error
	if e.plane != nil {
		err = e.plane.Stop()
		e.plane = nil
	}
	if e.remove != "" {
		err = errors.Join(err, os.RemoveAll(e.remove))
	}
	if err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	return nil
}

func (e *Env) start(ctx context.Context, assets, dir string, options Options) error {
	plane, closeLogs, err := newPlane(assets, dir, options)
	if err != nil {
		return err
	}
	defer closeLogs() // the child processes have their own descriptors
	e.plane = plane
	if e.Config, err = plane.Start(); err != nil {
		return fmt.Errorf("start the API server (its log is in %s): %w", dir, err)
	}
	e.Kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(e.Kubeconfig, plane.KubeConfig, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return context.Cause(ctx)
}

func newPlane(assets, dir string, options Options) (*envtest.Environment, func(), error) {
	etcdLog, err := os.Create(filepath.Join(dir, "etcd.log"))
	if err != nil {
		return nil, nil, fmt.Errorf("open a log: %w", err)
	}
	apiLog, err := os.Create(filepath.Join(dir, "kube-apiserver.log"))
	if err != nil {
		etcdLog.Close()
		return nil, nil, fmt.Errorf("open a log: %w", err)
	}
	timeout := options.StartTimeout
	if timeout == 0 {
		timeout = 2 * time.Minute
	}
	existing := false // whatever the environment says
	plane := &envtest.Environment{
		UseExistingCluster:       &existing,
		BinaryAssetsDirectory:    assets,
		CRDDirectoryPaths:        options.CRDs,
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: timeout,
		ControlPlaneStopTimeout:  timeout,
	}
	plane.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(assets, "etcd"), Out: etcdLog, Err: etcdLog}
	plane.ControlPlane.GetAPIServer().Path = filepath.Join(assets, "kube-apiserver")
	plane.ControlPlane.GetAPIServer().Out, plane.ControlPlane.GetAPIServer().Err = apiLog, apiLog
	plane.ControlPlane.KubectlPath = filepath.Join(assets, "kubectl")
	return plane, func() { etcdLog.Close(); apiLog.Close() }, nil
}

func assetsDir(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if dir == "" {
		return "", errors.New("no API server to start: run `make test`, or export KUBEBUILDER_ASSETS=$(go run ./hack/assets)")
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("assets for the API server: %w", err)
		}
	}
	return dir, nil
}
