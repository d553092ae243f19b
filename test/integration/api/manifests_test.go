// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd/kubernetes"
)

const config = "../../../config"

func TestEverySampleApplies(t *testing.T) {
	namespace := "--namespace=" + createNamespace(t)
	for _, file := range samples(t) {
		kubectl(t, "apply", namespace, "--validate=strict", "--filename="+file)
	}
	kubectl(t, "apply", namespace, "--validate=strict", "--kustomize="+filepath.Join(config, "samples"))
}

func TestEverySampleTableParses(t *testing.T) {
	for _, file := range samples(t) {
		for _, object := range read(t, file) {
			var table v1alpha1.Dtab
			if object.GetKind() != "Dtab" {
				continue
			}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &table); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			for _, dentry := range table.Spec.Dentries {
				if _, err := dtab.ParseDentry(dentry.Prefix, dentry.Dst); err != nil {
					t.Errorf("%s: %s => %s: %v", file, dentry.Prefix, dentry.Dst, err)
				}
			}
		}
	}
}

func TestEveryKustomizationBuilds(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(config, "*", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if out := kubectl(t, "kustomize", filepath.Dir(file)); !strings.Contains(out, "kind: ") {
			t.Errorf("%s builds nothing", file)
		}
	}
}

// Who wants namerd's interface in the cluster takes away two marks of comment.
func TestNamerdIsServedOnlyIfAskedFor(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(config)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "default", "kustomization.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	asked := strings.NewReplacer("# components:", "components:", "# - ../namerd", "- ../namerd").Replace(string(text))
	if err := os.WriteFile(file, []byte(asked), 0o600); err != nil {
		t.Fatal(err)
	}
	for kustomization, want := range map[string]bool{filepath.Join(config, "default"): false, filepath.Dir(file): true} {
		out := kubectl(t, "kustomize", kustomization)
		for _, part := range []string{
			"        - --namerd-bind-address=:4180\n",
			"        - containerPort: 4180\n          name: namerd\n",
			"  name: " + kubernetes.ServiceName + "\n  namespace: wye-system\n",
			"  - name: namerd\n    port: 4180\n    targetPort: namerd\n",
		} {
			if strings.Contains(out, part) != want {
				t.Errorf("asked for: %v; whether it has this is another matter:\n%s", want, part)
			}
		}
	}
}

func TestControllerPodsAreAdmittedToTheirNamespace(t *testing.T) {
	deploy(t)
	var deployment appsv1.Deployment
	key := client.ObjectKey{Namespace: "wye-system", Name: "wye-controller-manager"}
	if err := admin.Get(t.Context(), key, &deployment); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "wye-system", Name: "try", Labels: deployment.Spec.Template.Labels},
		Spec:       deployment.Spec.Template.Spec,
	}
	if err := admin.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("a pod of the Deployment in a namespace that enforces %q: %v", "restricted", err)
	}
	var service corev1.Service
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: "wye-system", Name: "wye-controller"}, &service); err != nil {
		t.Fatal(err)
	}
	for name, value := range service.Spec.Selector {
		if pod.Labels[name] != value {
			t.Errorf("the Service selects %s=%s, the pods have %q", name, value, pod.Labels[name])
		}
	}
}

func TestControllerMayDoItsWorkAndNoMore(t *testing.T) {
	deploy(t)
	for _, test := range []struct {
		ask  string
		want string
	}{
		{"patch dtabs.wye.dev --subresource=status", "yes"},
		{"watch endpointslices.discovery.k8s.io --all-namespaces", "yes"},
		{"create deployments.apps --namespace=default", "yes"},
		{"create tokenreviews.authentication.k8s.io", "yes"},
		{"create subjectaccessreviews.authorization.k8s.io", "yes"},
		{"update leases.coordination.k8s.io --namespace=wye-system", "yes"},
		{"create secrets --namespace=wye-system", "yes"},
		{"get secrets/wye-ca --namespace=wye-system", "yes"},
		{"get secrets/another --namespace=wye-system", "no"},
		{"get secrets/wye-ca --namespace=default", "no"},
		{"get secrets/wye-ticket-keys --namespace=wye-system", "yes"},
		{"update secrets/another --namespace=wye-system", "no"},
		{"create secrets --namespace=default", "no"},
		{"watch secrets --namespace=default", "yes"}, // of those that routes name
		{"get secrets/another --namespace=default", "no"},
		{"patch validatingwebhookconfigurations/wye-validating-webhook", "yes"},
		{"patch validatingwebhookconfigurations/another", "no"},
		{"create validatingwebhookconfigurations", "no"},
		{"delete validatingwebhookconfigurations/wye-validating-webhook", "no"},
		{"create dtabs.wye.dev", "no"},
		{"create pods --namespace=wye-system", "no"},
		{"create serviceaccounts --subresource=token", "no"},
		{"update leases.coordination.k8s.io --namespace=default", "no"},
	} {
		mayTheController(t, test.ask, test.want)
	}
}

// As docs/tls.md says.
func TestCertificatesArePermittedByNamespace(t *testing.T) {
	deploy(t)
	defer deploy(t)
	kubectl(t, "delete", "clusterrolebinding", "wye-certificate-reader-rolebinding")
	kubectl(t, "create", "rolebinding", "wye-certificates", "--namespace=default",
		"--clusterrole=wye-certificate-reader-role", "--serviceaccount=wye-system:wye-controller-manager")
	mayTheController(t, "watch secrets --namespace=default", "yes")
	mayTheController(t, "watch configmaps --namespace=default", "yes")
	mayTheController(t, "list secrets --namespace=wye-system", "no")
	kubectl(t, "delete", "rolebinding", "wye-certificates", "--namespace=default")
}

func mayTheController(t *testing.T, ask, want string) {
	t.Helper()
	args := append([]string{"auth", "can-i", "--as=system:serviceaccount:wye-system:wye-controller-manager"}, strings.Fields(ask)...)
	out, err := server.Kubectl(t.Context(), args...).Output()
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("may the controller %s? %q (%v), want %s", ask, got, err, want)
	}
}

// deploy applies config/default, but for the webhook: nobody is behind it, and
// other tests would wait for an answer.
func deploy(t *testing.T) {
	t.Helper()
	kubectl(t, "apply", "--server-side", "--validate=strict", "--kustomize="+filepath.Join(config, "default"))
	kubectl(t, "delete", "validatingwebhookconfigurations", "wye-validating-webhook")
}

// samples are the files under config/samples that hold objects.
func samples(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(config, "samples"), func(file string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(file) == ".yaml" && entry.Name() != "kustomization.yaml" {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := server.Kubectl(t.Context(), args...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, &problems)
	}
	return string(out)
}
