// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package main makes a container image out of one static executable, without
// Docker and without a network: an archive as of `docker save`, which `docker
// load`, `podman load`, `ctr images import` and `kind load image-archive`
// understand. The same executable always gives the same archive.
//
//	go run ./hack/image -arch amd64 -roots /etc/ssl/certs/ca-certificates.crt -o dist/wye-proxy.tar wye-proxy:dev dist/linux-amd64/wye-proxy
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// user runs the executable: nonroot, as the manifests demand.
const user = "65532:65532"

func main() {
	arch := flag.String("arch", runtime.GOARCH, "architecture of the executable")
	out := flag.String("o", "", "archive to write")
	roots := flag.String("roots", "", "certificates in PEM that are to be the system's roots; none by default")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: image [-arch ARCH] [-roots FILE] -o ARCHIVE NAME:TAG EXECUTABLE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out, *arch, *roots, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(out, arch, roots, name, executable string) error {
	content, err := os.ReadFile(executable)
	if err != nil {
		return fmt.Errorf("read the executable: %w", err)
	}
	var more []file
	if roots != "" {
		trusted, err := os.ReadFile(roots)
		if err != nil {
			return fmt.Errorf("read the roots: %w", err)
		}
		more = append(more, file{"etc/ssl/certs/ca-certificates.crt", 0o644, trusted})
	}
	archive, err := image(name, arch, filepath.Base(executable), content, more...)
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	if err := os.WriteFile(out, archive, 0o644); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}

// file is an entry of a tar archive.
type file struct {
	name    string
	mode    int64
	content []byte
}

// image returns the archive: one layer, its configuration and a table of contents.
func image(name, arch, program string, executable []byte, more ...file) ([]byte, error) {
	layer, err := tarball(append([]file{{program, 0o755, executable}}, more...)...)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": arch,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": []string{"/" + program}, "User": user},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]any{map[string]any{
		"Config":   "config.json",
		"RepoTags": []string{name},
		"Layers":   []string{"layer.tar"},
	}})
	if err != nil {
		return nil, err
	}
	return tarball(
		file{"manifest.json", 0o644, manifest},
		file{"config.json", 0o644, config},
		file{"layer.tar", 0o644, layer},
	)
}

func tarball(files ...file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
