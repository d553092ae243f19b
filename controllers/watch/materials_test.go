// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/controllers/translate"
	"github.com/wye-dev/wye/test/kube"
)

// patience is how long a change may take to be seen.
const patience = time.Minute

var edge = types.NamespacedName{Namespace: "default", Name: "edge"}

// cluster is an API server, and materials followed with the permissions of an account
// that may read nothing at first.
type cluster struct {
	client.Client
	t         *testing.T
	materials *Materials
	rang      chan types.NamespacedName
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	env, err := kube.Start(t.Context(), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the kube-apiserver: %v", err)
		}
	})
	c := &cluster{t: t, rang: make(chan types.NamespacedName, 100)}
	if c.Client, err = client.New(env.Config, client.Options{Scheme: scheme.Scheme}); err != nil {
		t.Fatal(err)
	}
	c.create(&corev1.ServiceAccount{ObjectMeta: meta("reader")})
	file := filepath.Join(dir, "kubeconfig")
	if err := env.WriteKubeconfig(t.Context(), file, "default", "reader"); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	core, err := CoreClient(config)
	if err != nil {
		t.Fatal(err)
	}
	c.materials = &Materials{Client: core, Changed: func(f types.NamespacedName) { c.rang <- f }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.materials.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c
}

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }

func (c *cluster) create(o client.Object) {
	c.t.Helper()
	if err := c.Create(c.t.Context(), o); err != nil {
		c.t.Fatal(err)
	}
}

// permit lets the account follow one Secret, and no other.
func (c *cluster) permit(resource, name string) {
	c.create(&rbacv1.Role{ObjectMeta: meta(name), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{resource}, ResourceNames: []string{name}, Verbs: []string{"list", "watch"}},
	}})
	c.create(&rbacv1.RoleBinding{
		ObjectMeta: meta(name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: "reader"}},
	})
}

// awaits waits until a material is as it should be.
func (c *cluster) awaits(ref translate.Ref, want *translate.Material) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		got, known := c.materials.View().Material(ref)
		if known && got.Equal(want) {
			return
		}
		select {
		case f := <-c.rang:
			if f != edge {
				c.t.Errorf("rang for %s", f)
			}
		case <-deadline:
			c.t.Fatalf("%s is %#v (known: %v), want %#v", ref, got, known, want)
		}
	}
}

func TestASecretIsFollowedByItsName(t *testing.T) {
	c := startCluster(t)
	own := translate.Ref{Kind: translate.KindSecret, Namespace: "default", Name: "own"}
	bundle := translate.Ref{Kind: translate.KindConfigMap, Namespace: "default", Name: "bundle"}
	c.permit("configmaps", "bundle")
	c.materials.Want(edge, []translate.Ref{own, bundle})
	c.awaits(own, &translate.Material{Denied: true})
	c.awaits(bundle, &translate.Material{Absent: true})

	secret := &corev1.Secret{ObjectMeta: meta("own"), Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"tls.crt": {1}, "other": {2}}}
	c.create(secret)
	c.permit("secrets", "own")
	c.awaits(own, &translate.Material{Type: "Opaque", Data: map[string][]byte{"tls.crt": {1}}})
	secret.Data["tls.crt"] = []byte{3}
	if err := c.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.awaits(own, &translate.Material{Type: "Opaque", Data: map[string][]byte{"tls.crt": {3}}})
	if err := c.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.awaits(own, &translate.Material{Absent: true})
	c.create(&corev1.ConfigMap{ObjectMeta: meta("bundle"), Data: map[string]string{"ca.crt": "a", "readme": "b"}})
	c.awaits(bundle, &translate.Material{Data: map[string][]byte{"ca.crt": []byte("a")}})

	// What nobody needs is forgotten.
	c.materials.Want(edge, []translate.Ref{bundle})
	if _, known := c.materials.View().Material(own); known {
		t.Error("a Secret that nobody needs is still there")
	}
	if diff := cmp.Diff([]types.NamespacedName{edge}, c.materials.Fleets()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.materials.Want(edge, nil)
	if got := c.materials.Fleets(); len(got) > 0 {
		t.Errorf("fleets that need something: %v", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", secret2(), secret2(), secret2()); text != "2 keys of type \"t\" 2 keys of type \"t\" 2 keys of type \"t\"" {
		t.Errorf("a material is printed as %s", text)
	}
}

func secret2() *translate.Material {
	return &translate.Material{Type: "t", Data: map[string][]byte{"tls.key": []byte("secret"), "tls.crt": nil}}
}

func TestOnlyAMissingPermissionIsAVerdict(t *testing.T) {
	for code, want := range map[int]bool{http.StatusForbidden: true, http.StatusUnauthorized: false, http.StatusServiceUnavailable: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		core, err := CoreClient(&rest.Config{Host: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		denied := false
		own := translate.Ref{Kind: translate.KindSecret, Namespace: "default", Name: "own"}
		lw := (&Materials{Client: core}).listWatch(own, "secrets", func(m *translate.Material) { denied = m.Denied })
		if _, err := lw.ListWithContext(t.Context(), metav1.ListOptions{}); err == nil || denied != want {
			t.Errorf("%d: %v, denied: %v", code, err, denied)
		}
		server.Close()
	}
}
