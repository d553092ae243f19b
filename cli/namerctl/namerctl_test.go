// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPretty(t *testing.T) {
	table := Dtab{{"/svc", "/cluster"}, {"/svc/redis", "/a & /b"}}
	tests := []struct {
		version string
		table   Dtab
		want    string
	}{
		{"AAAAAAAAAAE=", table, "# version AAAAAAAAAAE=\n/svc        => /cluster ;\n/svc/redis  => /a & /b ;\n"},
		{"", table, "/svc        => /cluster ;\n/svc/redis  => /a & /b ;\n"},
		{"x", nil, "# version x\n"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, Versioned{test.version, test.table}.Pretty()); diff != "" {
			t.Errorf("pretty (-want +got):\n%s", diff)
		}
	}
}

// The nearest directory that has a file wins, and in it the first form.
func TestNearestSettings(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	none := func(string) string { return "" }
	expect := func(want string) {
		t.Helper()
		base, warning, err := Settings{}.Find(none, deep)
		if base != want || warning != nil || err != nil {
			t.Errorf("found %q (%v, %v), want %q", base, warning, err, want)
		}
	}
	write(".namerctl.hcl", `base-url = "http://hcl"`)
	expect("http://hcl")
	write(".namerctl.properties", "base-url = http://${properties}\n")
	expect("http://${properties}")
	write("a/.namerctl.toml", "other = 1\n'BASE-URL' = \"http://toml\"\n")
	expect("http://toml")
	write("a/.namerctl.json", `{"base-url": null}`)
	expect("")
	write("a/b/.namerctl.yml", "base-url: 4180")
	expect("4180")
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{`{"base-url": "http://x"}`, "base-url: x", "base-url = \"x\"", "base-url = ${base-url}", "a {", "[a]\nb = 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range formats {
			settings, err := format.decode([]byte(text))
			if err == nil {
				lookUp(settings)
			}
		}
	})
}

func FuzzReadInput(f *testing.F) {
	for _, seed := range []string{"", "/svc => /a", "[", `{"version":"x","dtab":[{"prefix":"/a","dst":"/b"}]}`, `{"dtab":null}`, `{"dtab":[null]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in, err := ReadInput(text, "v")
		if err == nil && in.JSON == nil && (in.Body != text || in.Version != "v") {
			t.Errorf("%q became %+v", text, in)
		}
		if err == nil && in.JSON != nil && !strings.HasPrefix(in.Body, "[") && in.Body != "null" {
			t.Errorf("%q became %q", text, in.Body)
		}
	})
}
