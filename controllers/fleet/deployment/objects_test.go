// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/wye-dev/wye/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func testOptions() Options {
	return Options{
		Image:       "example.com/wye-proxy:v1",
		PullSecrets: []string{"registry"},
		Controller:  "wye-controller.wye-system.svc:9443",
	}
}

// TestObjectsAreAsWritten compares with the objects.yaml of each archive. Write
// them anew with: go test ./controllers/fleet/deployment -run AsWritten -update
func TestObjectsAreAsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, ports := parseCase(t, archive)
			in := Inputs{Ports: ports, LowPorts: anyLow(ports), CA: []byte("PEM\n")}
			got := render(t, Objects(f, in, testOptions()))
			if *update {
				write(t, file, archive, got)
				return
			}
			if diff := cmp.Diff(string(section(archive, "objects.yaml")), string(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestPodsDoNotDependOnPorts(t *testing.T) {
	f := &v1alpha1.ProxyFleet{}
	templates := map[string]bool{}
	for _, ports := range [][]int32{nil, {1024}, {6379, 7001}} {
		for _, o := range Objects(f, Inputs{Ports: ports, CA: []byte("PEM\n")}, testOptions()) {
			if d, ok := o.(*appsv1.Deployment); ok {
				templates[string(render(t, []client.Object{d}))] = true
			}
		}
	}
	if len(templates) != 1 {
		t.Errorf("%d Deployments for one fleet: a change of ports would restart its pods", len(templates))
	}
}

func parseCase(t *testing.T, archive *txtar.Archive) (*v1alpha1.ProxyFleet, []int32) {
	t.Helper()
	f := &v1alpha1.ProxyFleet{}
	if err := yaml.UnmarshalStrict(section(archive, "fleet.yaml"), f); err != nil {
		t.Fatal(err)
	}
	var ports []int32
	for field := range strings.FieldsSeq(string(section(archive, "ports"))) {
		port, err := strconv.ParseInt(field, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, int32(port))
	}
	return f, ports
}

// render writes objects as they are sent to the API server, but for their owner.
func render(t *testing.T, objects []client.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, o := range objects {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			t.Fatal(err)
		}
		delete(content, "status")
		text, err := yaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.Bytes()
}

func section(archive *txtar.Archive, name string) []byte {
	for _, f := range archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func write(t *testing.T, file string, archive *txtar.Archive, objects []byte) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "objects.yaml" })
	archive.Files = append(archive.Files, txtar.File{Name: "objects.yaml", Data: objects})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
