// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/test/kube"
	"github.com/wye-dev/wye/test/ports"
)

// patience is how long the tests wait for what must happen.
const patience = time.Minute

// cluster is an API server with config/default, which has no pods: admission is
// asked for on an address of this machine.
type cluster struct {
	*kube.Env
	admin client.Client
	bind  string // address of admission, once it is there
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	env, err := kube.Start(t.Context(), kube.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, env.Stop()) })
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	c := &cluster{Env: env, bind: fmt.Sprintf("127.0.0.1:%d", ports.Free(t))}
	c.admin, err = client.New(env.Config, client.Options{Scheme: scheme})
	must(t, err)
	if out, err := c.try(t, "apply", "--server-side", "--kustomize="+filepath.Join("..", "..", "..", "config", "default")); err != nil {
		t.Fatalf("apply config/default: %v: %s", err, out)
	}
	if out, err := c.try(t, "wait", "--for=condition=Established", "crd", "--all"); err != nil {
		t.Fatalf("wait for the kinds: %v: %s", err, out)
	}
	c.configure(t, func(hook *admissionv1.ValidatingWebhook) {
		url := "https://" + c.bind + *hook.ClientConfig.Service.Path
		hook.ClientConfig = admissionv1.WebhookClientConfig{URL: &url}
	})
	return c
}

// operate starts the operator; it ends with the test, or by what is returned.
func (c *cluster) operate(t *testing.T) (stop func()) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	var log bytes.Buffer // of the operator; not to be read before its end
	operator := exec.Command(self)
	operator.Env = append(os.Environ(), bindVariable+"="+c.bind, clientcmd.RecommendedConfigPathEnvVar+"="+c.Kubeconfig)
	operator.Stdout, operator.Stderr = &log, &log
	must(t, operator.Start())
	stop = sync.OnceFunc(func() {
		operator.Process.Signal(syscall.SIGTERM)
		if err := operator.Wait(); err != nil {
			t.Errorf("the operator: %v", err)
		}
		if t.Failed() {
			t.Logf("the operator said:\n%s", &log)
		}
	})
	t.Cleanup(stop)
	return stop
}

// try runs kubectl and gives what it says.
func (c *cluster) try(t *testing.T, args ...string) (string, error) {
	out, err := c.Kubectl(t.Context(), args...).CombinedOutput()
	return string(out), err
}

func (c *cluster) apply(t *testing.T, name string) {
	t.Helper()
	if out, err := c.try(t, "apply", "--filename="+filepath.Join("testdata", name)); err != nil {
		t.Fatalf("apply %s: %v: %s", name, err, out)
	}
}

// eventually waits until what is tried works.
func (c *cluster) eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var last error
	if wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = try()
		return last == nil, nil
	}) != nil {
		t.Fatalf("%s: not within %s: %v", what, patience, last)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
