// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

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

const root = "../../.." // of the repository

// programs gives the directory of the programs that the tests start: bin/ of the
// repository, if all are there and nothing that they are built from is newer
// (`make test` sees to that), or else dir, where they are built.
//
// Looking at all sources has a second use: go test then knows that the results
// of this package, which imports next to nothing of the product, depend on them.
func programs(ctx context.Context, dir string) (string, error) {
	newest, err := newestSource()
	if err != nil {
		return "", fmt.Errorf("look at the sources: %w", err)
	}
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		return "", err
	}
	names := []string{"wye-controller", "wye-proxy", "kubectl-wye"}
	old := func(name string) bool { return !newer(filepath.Join(bin, name), newest) }
	if !slices.ContainsFunc(names, old) {
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
func newestSource() (newest time.Time, err error) {
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
