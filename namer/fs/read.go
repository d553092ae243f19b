// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const (
	// maxSize of a file, in bytes. linkerd has the same limit.
	maxSize = 500 << 10
	// tries is how often a file is looked for before it is taken for missing: those of
	// a ConfigMap may vanish half-way, when the link to them has moved on.
	tries = 3
)

// content is what a name leads to.
type content struct {
	taken    int   // segments that lead to the file; 0 if there is none
	modified int64 // in nanoseconds
	tooLong  bool
	text     string
}

// read finds and reads the file that segments lead to. The error says that it is
// not known whether there is one, or what it says.
func read(dir string, segments []string, enter func(dir string)) (content, error) {
	root, err := os.OpenRoot(dir) // each time, for the directory may be another
	if err != nil {
		return content{}, err
	}
	defer root.Close()
	for range tries {
		file, taken, err := walker{root: root, enter: enter}.find(segments)
		if err != nil {
			return content{}, err
		}
		if taken == 0 {
			continue
		}
		c, err := readFile(root, file)
		if err == nil {
			c.taken = taken
			return c, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return content{}, err
		}
	}
	return content{}, nil
}

func readFile(root *os.Root, file string) (content, error) {
	// Without waiting, for by now it may be a pipe.
	f, err := root.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return content{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return content{}, err
	}
	if !info.Mode().IsRegular() {
		return content{}, fmt.Errorf("%s: %w", file, fs.ErrNotExist)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return content{}, err
	}
	c := content{modified: info.ModTime().UnixNano(), text: string(text)}
	if len(text) > maxSize {
		c.tooLong, c.text = true, ""
	}
	return c, nil
}
