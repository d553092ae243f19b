// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImageRunsTheExecutableAsNobody(t *testing.T) {
	archive, err := image("wye-proxy:dev", "arm64", "wye-proxy", []byte("program"), file{"etc/roots", 0o644, []byte("roots")})
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, archive)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	decode(t, files["manifest.json"], &manifest)
	if diff := cmp.Diff([]string{"wye-proxy:dev"}, manifest[0].RepoTags); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	layer := files[manifest[0].Layers[0]]
	if program := untar(t, layer)["wye-proxy"]; string(program) != "program" {
		t.Errorf("/wye-proxy is %q", program)
	}
	if roots := untar(t, layer)["etc/roots"]; string(roots) != "roots" {
		t.Errorf("/etc/roots is %q", roots)
	}
	var config struct {
		Architecture string
		Config       struct {
			Entrypoint []string
			User       string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(t, files[manifest[0].Config], &config)
	if config.Architecture != "arm64" || config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/wye-proxy" {
		t.Errorf("config is %+v", config)
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(layer)); config.RootFS.DiffIDs[0] != want {
		t.Errorf("the config is of layer %s, the archive has %s", config.RootFS.DiffIDs[0], want)
	}
}

func TestImageIsReproducible(t *testing.T) {
	first, err := image("a:b", "amd64", "p", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := image("a:b", "amd64", "p", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two archives of the same executable differ")
	}
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("%v in %q", err, content)
	}
}

func untar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = content
	}
}
