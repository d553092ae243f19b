// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerctl

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// key is the only setting that a file can have. It is not sensitive to case.
const key = "base-url"

// Settings say where a namerd is. The zero value says it nowhere.
type Settings struct {
	BaseURL string // of the flag --base-url
	Config  string // of the flag --config: the file to read rather than look for one
}

// Find is the base URL: of the flag, else of the environment, else of a file
// .namerctl.EXT in dir or the nearest of its parents that has one. It is empty
// if none of them says anything. warning is what is wrong with a file that was
// found; namerctl tells it and goes on as if there were no file. A file that was
// asked for with --config has to be readable and to have a base URL.
func (s Settings) Find(getenv func(string) string, dir string) (base string, warning, err error) {
	for _, base := range []string{s.BaseURL, getenv("NAMERCTL_BASE_URL")} {
		if base != "" {
			return base, nil, nil
		}
	}
	if s.Config != "" {
		base, err := read(s.Config)
		if err == nil && base == "" {
			err = errors.New("empty base URL")
		}
		return base, nil, err
	}
	file := nearest(dir)
	if file == "" {
		return "", nil, nil
	}
	base, warning = read(file)
	return base, warning, nil
}

// ParseBase reads a base URL.
func ParseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "" || base.Host == "" {
		return nil, errors.New("invalid base URL: " + text)
	}
	return base, nil
}

// nearest finds the settings file of a directory, empty if there is none.
func nearest(dir string) string {
	for {
		for _, format := range formats {
			file := filepath.Join(dir, ".namerctl."+format.extension)
			if info, err := os.Stat(file); err == nil && !info.IsDir() {
				return file
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// read is the base URL in a file, empty if there is none in it.
func read(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	extension := strings.TrimPrefix(filepath.Ext(file), ".")
	for _, format := range formats {
		if format.extension != extension {
			continue
		}
		settings, err := format.decode(text)
		if err != nil {
			return "", fmt.Errorf("While parsing config: %w", err) //nolint:staticcheck // ST1005: namerctl's words
		}
		return lookUp(settings), nil
	}
	return "", fmt.Errorf("Unsupported Config Type %q", extension) //nolint:staticcheck // ST1005: namerctl's words
}

func lookUp(settings map[string]any) string {
	for name, value := range settings {
		if strings.EqualFold(name, key) && value != nil {
			return fmt.Sprint(value)
		}
	}
	return ""
}
