// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

func TestTokensAreThoseOfTheFleetsServiceAccount(t *testing.T) {
	env := &envtest.Environment{}
	config, err := env.Start()
	if err != nil {
		t.Fatalf("start a kube-apiserver: %v\n(KUBEBUILDER_ASSETS must be a folder with etcd and kube-apiserver)", err)
	}
	defer func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the kube-apiserver: %v", err)
		}
	}()
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}

	f := newFleet("edge", 1)
	accounts := NewServiceAccounts(c, c)
	for range 2 { // made once, and there the next time
		token, err := accounts.Token(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if life := time.Until(token.Expires); life < 59*time.Minute || life > 61*time.Minute {
			t.Errorf("the token expires in %s", life)
		}
		review := &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token.Value, Audiences: []string{"wye-controller"}},
		}
		if err := c.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		got := []string{review.Status.User.Username}
		if diff := cmp.Diff([]string{"system:serviceaccount:default:wye-edge"}, got); diff != "" || !review.Status.Authenticated {
			t.Errorf("authenticated: %t %s\n%s", review.Status.Authenticated, review.Status.Error, diff)
		}
	}

	account := &corev1.ServiceAccount{}
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: "default", Name: "wye-edge"}, account); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(account, f) {
		t.Errorf("owned by %v", account.OwnerReferences)
	}
}
