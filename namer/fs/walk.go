// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// maxLinks bounds the symbolic links that one segment leads through, as the
// kernel does.
const maxLinks = 40

// walker finds the file that a name leads to.
type walker struct {
	root *os.Root
	// enter is called with each directory, relative to the root, before
	// anything is looked up in it.
	enter func(dir string)
}

// find follows segments up to the first that is a file: file is its path below
// the root, without symbolic links, and taken how many segments led there.
// Nothing is taken if there is no such file. The error says that this cannot be known.
func (w walker) find(segments []string) (file string, taken int, err error) {
	dir := "."
	w.enter(dir)
	for i, segment := range segments {
		if segment == "." || segment == ".." || strings.ContainsAny(segment, "/\x00") {
			return "", 0, nil
		}
		next, mode, err := w.resolve(dir, segment)
		switch {
		case err != nil || next == "":
			return "", 0, missing(err)
		case mode.IsRegular():
			return next, i + 1, nil
		case !mode.IsDir():
			return "", 0, nil
		}
		dir = next
		w.enter(dir)
	}
	return "", 0, nil
}

// resolve finds what an entry of a directory is, through symbolic links: its
// path without them, and its type. The path is empty if there is nothing that
// may be read.
func (w walker) resolve(dir, entry string) (found string, mode fs.FileMode, err error) {
	links := 0
	for todo := []string{entry}; len(todo) > 0; {
		entry, todo = todo[0], todo[1:]
		found = path.Join(dir, entry) // which takes care of "", "." and ".."
		if found == ".." || strings.HasPrefix(found, "../") {
			return "", 0, nil // out of the root
		}
		info, err := w.root.Lstat(found)
		if err != nil {
			return "", 0, err
		}
		mode = info.Mode()
		switch {
		case mode.Type() == fs.ModeSymlink:
			target, err := w.root.Readlink(found)
			if links++; err != nil || path.IsAbs(target) || links > maxLinks {
				return "", 0, err
			}
			todo = append(strings.Split(target, "/"), todo...)
		case len(todo) == 0: // the end of the way
		case mode.IsDir():
			dir = found
			w.enter(dir)
		default:
			return "", 0, nil // a file in the place of a directory
		}
	}
	return found, mode, nil
}

// missing drops errors that say that there is nothing. (A name too long for the
// file system cannot be there either.)
func missing(err error) error {
	for _, nothing := range []error{fs.ErrNotExist, syscall.ENOTDIR, syscall.ENAMETOOLONG} {
		if errors.Is(err, nothing) {
			return nil
		}
	}
	return err
}
