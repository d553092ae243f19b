// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package wye

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachPackageHasOnePackageComment(t *testing.T) {
	comments := map[string]int{}
	for _, file := range goFiles(t) {
		switch {
		case file.test:
		case file.syntax.Doc != nil:
			comments[file.pkg]++
		default:
			comments[file.pkg] += 0
		}
	}
	for pkg, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", pkg, n)
		}
	}
}

func TestEachGoFileHasTheHeader(t *testing.T) {
	const header = "// Copyright The Wye Authors.\n// SPDX-License-Identifier: Apache-2.0\n\n"
	for _, file := range goFiles(t) {
		_, text, constrained := strings.Cut(string(file.text), "\n\n") // a build constraint comes first
		if !strings.HasPrefix(string(file.text), header) && !(constrained && strings.HasPrefix(text, header)) {
			t.Errorf("%s does not begin with the header", file.name)
		}
	}
}

func TestGoModReplacesNothing(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^\s*replace\b`).Match(text) {
		t.Error("go.mod has a replace directive, which `go install` of our commands would refuse")
	}
}

func TestNoFileNamesAMachine(t *testing.T) {
	place := regexp.MustCompile(`/(home|Users)/[a-z]|/root/(\.|go/)|/(work|farm)/`)
	walk(t, func(name string, text []byte) {
		if name == "repository_test.go" || strings.HasSuffix(name, ".sum") {
			return
		}
		if found := place.Find(text); found != nil {
			t.Errorf("%s has %q, a path of one machine", name, found)
		}
	})
}

// Kubebuilder's tools find the kinds by PROJECT.
func TestProjectListsEveryKind(t *testing.T) {
	text, err := os.ReadFile("PROJECT")
	if err != nil {
		t.Fatal(err)
	}
	crds, err := filepath.Glob("config/crd/bases/wye.dev_*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var listed, want []string
	for _, match := range regexp.MustCompile(`(?m)^  kind: (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, "config/crd/bases/wye.dev_"+strings.ToLower(match[1])+"s.yaml")
	}
	want = append(want, crds...)
	slices.Sort(listed)
	slices.Sort(want)
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("PROJECT (-CRDs +listed):\n%s", diff)
	}
}

// goFile is one file of ours, or generated for us.
type goFile struct {
	name   string // with slashes, from the root
	pkg    string // its directory
	test   bool
	text   []byte
	syntax *ast.File
}

func (f goFile) imports() []string {
	var names []string
	for _, spec := range f.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err == nil { // the parser has seen to it
			names = append(names, name)
		}
	}
	return names
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	walk(t, func(name string, text []byte) {
		if path.Ext(name) != ".go" {
			return
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, goFile{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), text, syntax})
	})
	return files
}

// walk calls visit with each file of this module, but not with what is built,
// test data, or modules within.
func walk(t *testing.T, visit func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if d.IsDir() {
			_, notModule := os.Stat(filepath.Join(name, "go.mod"))
			if notModule == nil || slices.Contains([]string{".git", "bin", "dist", "testdata"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(name)
		if err == nil && d.Type().IsRegular() && d.Name() != ".git" {
			visit(filepath.ToSlash(name), text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
