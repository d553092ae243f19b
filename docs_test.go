// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package wye

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	code    = regexp.MustCompile("(?ms)^```.*?^```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	direct  = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`) // in go.mod; others end with a comment
)

func TestEveryLinkInTheDocsLeadsSomewhere(t *testing.T) {
	for _, page := range docs(t) {
		for _, match := range link.FindAllStringSubmatch(prose(t, page), -1) {
			target, place, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = path.Join(path.Dir(page), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s: %v", page, match[1], err)
			} else if place != "" && !slices.Contains(places(t, file), place) {
				t.Errorf("%s: %s: no heading is called so", page, match[1])
			}
		}
	}
}

func TestEachDependencyHasALine(t *testing.T) {
	page := prose(t, "docs/dependencies.md")
	for _, match := range direct.FindAllStringSubmatch(prose(t, "go.mod"), -1) {
		// Modules of one project share a line.
		if module := match[1]; !strings.Contains(page, module) && !strings.Contains(page, "`"+path.Base(module)+"`") {
			t.Errorf("docs/dependencies.md says nothing of %s", module)
		}
	}
}

// docs are the pages for people.
func docs(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md", "CHANGELOG.md", "test/bench/README.md"}
	err := filepath.WalkDir("docs", func(file string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(file) == ".md" {
			pages = append(pages, filepath.ToSlash(file))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// prose is a file without its blocks of code.
func prose(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return code.ReplaceAllString(string(text), "")
}

// places are the headings of a page, as links name them.
func places(t *testing.T, page string) (names []string) {
	t.Helper()
	for _, match := range heading.FindAllStringSubmatch(prose(t, page), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', r >= 'a' && r <= 'z', r >= '0' && r <= '9':
				return r
			}
			return -1
		}, strings.ToLower(match[1])))
	}
	return names
}
