// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const root = "../../.."

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// TestEveryExampleInTheDocsApplies holds the YAML in the documentation that is of our
// kinds against the schema. Of a piece that is only a spec, any kind may take it.
func TestEveryExampleInTheDocsApplies(t *testing.T) {
	examples := 0
	for _, page := range pages(t) {
		for _, document := range documents(t, page) {
			switch example := fields(t, document); {
			case example["apiVersion"] == "wye.dev/v1alpha1":
				example := &unstructured.Unstructured{Object: example}
				example.SetNamespace("default")
				if err := admin.Create(t.Context(), example, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
					t.Errorf("%s: %v\n%s", page, err, document)
				}
			case example["spec"] != nil:
				tryPiece(t, page, document, example)
			default:
				continue // of another program
			}
			examples++
		}
	}
	if examples < 10 {
		t.Errorf("%d examples are too few to be all", examples)
	}
}

// tryPiece has each kind that an example may be of take its spec.
func tryPiece(t *testing.T, page, document string, example map[string]any) {
	t.Helper()
	var errs []error
	for kind := range base {
		if own, ok := example["kind"]; ok && own != kind {
			continue
		}
		piece := object(t, kind, "try", `{}`)
		maps.Copy(piece.Object["spec"].(map[string]any), example["spec"].(map[string]any))
		err := admin.Create(t.Context(), piece, client.DryRunAll, client.FieldValidation("Strict"))
		if err == nil {
			return
		}
		errs = append(errs, err)
	}
	t.Errorf("%s: no kind takes this: %v\n%s", page, errs, document)
}

func documents(t *testing.T, page string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		// A fragment of another program's file may be indented, and be no document.
		if !strings.HasPrefix(block[1], " ") {
			all = append(all, strings.Split(block[1], "\n---\n")...)
		}
	}
	return all
}

// pages are the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	found := []string{filepath.Join(root, "README.md")}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(file string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(file) == ".md" {
			found = append(found, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
