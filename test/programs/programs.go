// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package programs gives tests the programs of this repository, as they are built
// from its sources of now. In goes where the repository is and which programs; out
// comes a directory that has them.
package programs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Find gives the directory of programs: bin/ of the repository at root, if all are
// there and nothing that they are built from is newer (`make test` sees to that), or
// else dir, where they are built.
//
// Looking at all sources has a second use: go test then knows that the results of a
// test, which may import nothing of the product, depend on them.
func Find(ctx context.Context, root, dir string, names ...string) (string, error) {
	newest, err := newestSource(root)
	if err != nil {
		return "", fmt.Errorf("look at the sources: %w", err)
	}
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		return "", err
	}
	stale := func(name string) bool { return !newer(filepath.Join(bin, name), newest) }
	if !slices.ContainsFunc(names, stale) {
		return bin, nil
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "./cmd/"+name)
	}
	build := exec.CommandContext(ctx, "go", args...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return dir, nil
}

func newer(file string, than time.Time) bool {
	info, err := os.Stat(file)
	return err == nil && info.ModTime().After(than)
}

// newestSource is when a source of the programs changed last.
func newestSource(root string) (newest time.Time, err error) {
	others := []string{".git", "bin", "dist", "docs", "hack", "test"}
	return newest, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(others, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		source := filepath.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go")
		if !source && d.Name() != "go.mod" && d.Name() != "go.sum" {
			return nil
		}
		info, err := os.Stat(name)
		if err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return err
	})
}
