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

// programs gives the directory of wye-controller and wye-proxy: bin/ of the
// repository, if both are there and nothing that they are built from is newer
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
	if newer(filepath.Join(bin, "wye-controller"), newest) && newer(filepath.Join(bin, "wye-proxy"), newest) {
		return bin, nil
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), "./cmd/wye-controller", "./cmd/wye-proxy")
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
