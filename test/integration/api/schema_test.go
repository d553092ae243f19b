// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// A bound is one thing that the schema of a kind demands, with a spec that just
// meets it and one that just does not. Both are written as what they change in
// a valid spec (null removes).
type bound struct {
	path    string // of the field, without indices
	demand  string // the keyword of the schema, or the message of the rule
	accept  string
	refuse  string
	message string // what the user reads; the demand when empty
}

// base is a valid spec of each kind.
var base = map[string]string{
	"Dtab":       `{}`,
	"TCPRoute":   `{fleetRef: {name: redis}, port: 6379, dst: /svc/redis}`,
	"ProxyFleet": `{}`,
}

// bounds are all that there are: TestEveryBoundHasACase holds them against the schema.
var bounds = map[string][]bound{
	"Dtab": dtabBounds,
	"TCPRoute": slices.Concat(
		tcpRouteBounds, backendBounds, timeoutBounds,
		tlsBounds,
		shiftBounds,
		routeLimitBounds(),
		hostnameBounds,
		balancingBounds,
		reachBounds(),
		healthBounds(),
		connectionBounds,
	),
	"ProxyFleet": slices.Concat(proxyFleetBounds, listenerLimitBounds(), proxyProtocolBounds),
}

func TestSchemaAcceptsWhatMeetsItsBounds(t *testing.T) {
	for kind, rows := range bounds {
		for _, row := range rows {
			if err := try(t, kind, row.accept); err != nil {
				t.Errorf("%s %s, %s: %.200s\nrefused: %v", kind, row.path, row.demand, row.accept, err)
			}
		}
	}
}

func TestSchemaRefusesWhatBreaksItsBounds(t *testing.T) {
	for kind, rows := range bounds {
		for _, row := range rows {
			err := try(t, kind, row.refuse)
			want := row.message
			if want == "" {
				want = row.demand
			}
			if !errors.IsInvalid(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s, %s: %.200s\ngave %v\nwant a refusal with %q", kind, row.path, row.demand, row.refuse, err, want)
			}
		}
	}
}

func TestEveryBoundHasACase(t *testing.T) {
	for kind, file := range map[string]string{"Dtab": "dtabs", "TCPRoute": "tcproutes", "ProxyFleet": "proxyfleets"} {
		content, err := os.ReadFile(filepath.Join("../../../config/crd/bases", "wye.dev_"+file+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var crd unstructured.Unstructured
		if err := yaml.Unmarshal(content, &crd.Object); err != nil {
			t.Fatal(err)
		}
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		if err != nil {
			t.Fatal(err)
		}
		spec, _, err := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec")
		if err != nil {
			t.Fatal(err)
		}
		want := demands("spec", spec)
		var got []string
		for _, row := range bounds[kind] {
			got = append(got, row.path+" "+row.demand)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-schema +cases):\n%s", kind, diff)
		}
	}
}

// notOurs are fields whose types are Kubernetes' own.
var notOurs = []string{"spec.resources", "spec.pod.affinity", "spec.pod.tolerations", "spec.pod.topologySpreadConstraints", "spec.allowedRoutes.selector"}

// demands lists what a schema demands of the field at path and of those below it.
func demands(path string, schema map[string]any) []string {
	if slices.Contains(notOurs, path) {
		return nil
	}
	var found []string
	for _, keyword := range []string{"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "enum"} {
		if _, ok := schema[keyword]; ok {
			found = append(found, path+" "+keyword)
		}
	}
	rules, _ := schema["x-kubernetes-validations"].([]any)
	for _, rule := range rules {
		found = append(found, path+" "+rule.(map[string]any)["message"].(string))
	}
	if keys, ok := schema["x-kubernetes-list-map-keys"].([]any); ok {
		found = append(found, fmt.Sprintf("%s unique %v", path, keys[0]))
	}
	if required, ok := schema["required"].([]any); ok {
		for _, name := range required {
			found = append(found, fmt.Sprintf("%s.%s required", path, name))
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		found = append(found, demands(path, items)...)
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		found = append(found, demands(path+"."+name, property.(map[string]any))...)
	}
	return found
}

// try asks the server whether it would take a valid object of the kind with the change.
func try(t *testing.T, kind, change string) error {
	t.Helper()
	return admin.Create(t.Context(), object(t, kind, "try", change), client.DryRunAll, client.FieldValidation("Strict"))
}

func object(t *testing.T, kind, name, change string) *unstructured.Unstructured {
	t.Helper()
	spec := fields(t, base[kind])
	maps.Copy(spec, fields(t, change))
	maps.DeleteFunc(spec, func(_ string, value any) bool { return value == nil })
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "wye.dev/v1alpha1",
		"kind":       kind,
		"metadata":   map[string]any{"name": name, "namespace": "default"},
		"spec":       spec,
	}}
}

func fields(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// chars is a text of n characters.
func chars(n int) string { return strings.Repeat("a", n) }
