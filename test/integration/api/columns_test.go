// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestKubectlShowsWhatIsInForce(t *testing.T) {
	namespace := createWithStatus(t, "testdata/columns.yaml")
	for _, test := range []struct {
		resource string
		want     []string
	}{
		{"dtab", []string{
			"NAME ROUTES CONVERGED ACCEPTED READY REASON AGE",
			"default 2 2/3 True False Pending",
		}},
		{"tcproutes.wye.dev", []string{
			"NAME FLEET PORT DESTINATION SPLIT CONVERGED READY REASON STALE HOSTNAMES AGE",
			"canary redis 6380 redis1,redis2 redis1=90% redis2=10% 2/3 False NoReplicas [\"redis.example.com\"]",
			"redis redis 6379 /svc/redis redis1=100% 3/3 True Ready",
		}},
		{"proxyfleet", []string{
			"NAME PROXIES ROUTES CONFIG CONVERGED READY REASON ADDRESS AGE",
			"redis 3 2 41 3/3 True Ready 192.0.2.7",
		}},
	} {
		if diff := cmp.Diff(test.want, get(t, test.resource, "--namespace="+namespace, "--output=wide")); diff != "" {
			t.Errorf("kubectl get %s (-want +got):\n%s", test.resource, diff)
		}
	}
}

func TestShortNamesAndCategory(t *testing.T) {
	namespace := createWithStatus(t, "testdata/columns.yaml")
	for resource, want := range map[string][]string{
		"dt":    {"dtab.wye.dev/default"},
		"wtr":   {"tcproute.wye.dev/canary", "tcproute.wye.dev/redis"},
		"pf":    {"proxyfleet.wye.dev/redis"},
		"fleet": {"proxyfleet.wye.dev/redis"},
		"wye":   {"dtab.wye.dev/default", "proxyfleet.wye.dev/redis", "tcproute.wye.dev/canary", "tcproute.wye.dev/redis"},
	} {
		out, err := server.Kubectl(t.Context(), "get", resource, "--namespace="+namespace, "--output=name").CombinedOutput()
		if err != nil {
			t.Errorf("kubectl get %s: %v\n%s", resource, err, out)
			continue
		}
		if diff := cmp.Diff(want, strings.Fields(string(out))); diff != "" {
			t.Errorf("kubectl get %s (-want +got):\n%s", resource, diff)
		}
	}
}

func TestScaleSubresourceOwnsReplicas(t *testing.T) {
	namespace := createWithStatus(t, "testdata/columns.yaml")
	out, err := server.Kubectl(t.Context(), "scale", "--namespace="+namespace, "proxyfleet/redis", "--replicas=5").CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl scale: %v\n%s", err, out)
	}
	out, err = server.Kubectl(t.Context(), "get", "--namespace="+namespace, "proxyfleet/redis",
		"--output=jsonpath={.spec.replicas} {.status.selector}").CombinedOutput()
	if err != nil || string(out) != "5 wye.dev/fleet=redis" {
		t.Errorf("after scaling: %q, %v", out, err)
	}
}

// get returns the lines of kubectl's table, fields apart by one space, without the age.
func get(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := server.Kubectl(t.Context(), append([]string{"get"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl get %v: %v\n%s", args, err, out)
	}
	var lines []string
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		if i > 0 {
			fields = fields[:len(fields)-1]
		}
		lines = append(lines, strings.Join(fields, " "))
	}
	return lines
}

// createWithStatus makes the objects of a file, in a namespace of their own, with
// the status that the file gives them.
func createWithStatus(t *testing.T, file string) (namespace string) {
	t.Helper()
	namespace = createNamespace(t)
	for _, object := range read(t, file) {
		status := object.Object["status"]
		object.SetNamespace(namespace)
		if err := admin.Create(t.Context(), object, client.FieldValidation("Strict")); err != nil {
			t.Fatal(err)
		}
		object.Object["status"] = status
		if err := admin.Status().Update(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	return namespace
}

func createNamespace(t *testing.T) (name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := admin.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

func read(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for document := range strings.SplitSeq(string(content), "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		objects = append(objects, object)
	}
	return objects
}
