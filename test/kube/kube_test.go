// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wye-dev/wye/test/kube"
)

func TestKubeconfigServesKubectl(t *testing.T) {
	dir := t.TempDir()
	env := start(t, kube.Options{Dir: dir, CRDs: []string{"../../config/crd/bases"}})
	if want := filepath.Join(dir, "kubeconfig"); env.Kubeconfig != want {
		t.Errorf("Kubeconfig = %s, want %s", env.Kubeconfig, want)
	}
	out, err := env.Kubectl(t.Context(), "get", "wye", "--all-namespaces").CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl get wye: %v\n%s", err, out)
	}
	if want := "No resources found\n"; string(out) != want {
		t.Errorf("kubectl get wye printed %q, want %q", out, want)
	}
}

// Proxies prove who they are by tokens for Wye's own audience, so the server
// must issue and review them.
func TestTokensAreBoundToTheirAudience(t *testing.T) {
	env := start(t, kube.Options{})
	clients, err := kubernetes.NewForConfig(env.Config)
	if err != nil {
		t.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "proxy"}}
	if _, err := clients.CoreV1().ServiceAccounts("default").Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	token, err := clients.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "proxy", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"wye-push"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		audience string
		want     bool
		user     string
	}{
		{"wye-push", true, "system:serviceaccount:default:proxy"},
		{"another", false, ""},
	} {
		review, err := clients.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token, Audiences: []string{test.audience}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if review.Status.Authenticated != test.want || review.Status.User.Username != test.user {
			t.Errorf("audience %s: authenticated %v as %q, want %v as %q (%s)", test.audience,
				review.Status.Authenticated, review.Status.User.Username, test.want, test.user, review.Status.Error)
		}
	}
}

func TestStopLeavesNothingInTheTemporaryDirectory(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	env, err := kube.Start(t.Context(), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Stop(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff([]string(nil), names); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}

func TestMissingAssetsAreNamed(t *testing.T) {
	dir := t.TempDir()
	_, err := kube.Start(t.Context(), kube.Options{Assets: dir})
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "etcd")) {
		t.Errorf("Start = %v, want the path of the missing etcd", err)
	}
	t.Setenv("KUBEBUILDER_ASSETS", "")
	_, err = kube.Start(t.Context(), kube.Options{})
	if err == nil || !strings.Contains(err.Error(), "go run ./hack/assets") {
		t.Errorf("Start = %v, want how to get the assets", err)
	}
}

func start(t *testing.T, options kube.Options) *kube.Env {
	t.Helper()
	env, err := kube.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	return env
}
