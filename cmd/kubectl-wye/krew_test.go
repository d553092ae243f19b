// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"text/template"

	"sigs.k8s.io/yaml"
)

// The template of krew's manifest makes a manifest once it is filled in.
func TestKrewManifest(t *testing.T) {
	text, err := os.ReadFile("../../hack/krew/wye.yaml")
	if err != nil {
		t.Fatal(err)
	}
	functions := template.FuncMap{"addURIAndSha": func(uri, tag string) string {
		return "uri: " + strings.ReplaceAll(uri, "{{ .TagName }}", tag) + "\n      sha256: " + strings.Repeat("0", 64)
	}}
	filled, err := template.New("").Funcs(functions).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := filled.Execute(&out, map[string]string{"TagName": "v1.2.3"}); err != nil {
		t.Fatal(err)
	}
	type manifest struct {
		APIVersion string                `json:"apiVersion"`
		Kind       string                `json:"kind"`
		Metadata   struct{ Name string } `json:"metadata"`
		Spec       struct {
			Version, Homepage, ShortDescription, Description, Caveats string
			Platforms                                                 []struct {
				Selector         struct{ MatchLabels map[string]string }
				URI, Sha256, Bin string
			}
		} `json:"spec"`
	}
	var m manifest
	if err := yaml.UnmarshalStrict(out.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if m.Metadata.Name != "wye" || m.Spec.Version != "v1.2.3" || len(m.Spec.ShortDescription) == 0 || len(m.Spec.ShortDescription) > 50 {
		t.Errorf("%+v", m)
	}
	for _, p := range m.Spec.Platforms {
		archive := "/v1.2.3/kubectl-wye_" + p.Selector.MatchLabels["os"] + "_" + p.Selector.MatchLabels["arch"] + ".tar.gz"
		if !strings.HasSuffix(p.URI, archive) || p.Bin != "kubectl-wye" {
			t.Errorf("%+v, want %s", p, archive)
		}
	}
}

// kubectl asks a program of a certain name for completions.
func TestKubectlCompletes(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "../../hack/krew/kubectl_complete-wye", "dtab", "up").Output()
	if err != nil || !strings.HasPrefix(string(out), "update\t") {
		t.Errorf("completed to %q, %v", out, err)
	}
}
