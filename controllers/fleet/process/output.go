// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is the longest line that is kept whole, in bytes.
const maxLine = 16 << 10

// output is where all children write. It keeps their lines whole.
type output struct {
	mu sync.Mutex
	to io.Writer
}

// prefixed is a writer for one process.
func (o *output) prefixed(name string) *lines {
	return &lines{output: o, prefix: "[" + name + "] "}
}

// lines passes on whole lines with a prefix.
type lines struct {
	output *output
	prefix string
	part   []byte // of a line whose end has not come yet; output.mu guards it
}

// Write never fails: what becomes of the output must not stop the process.
func (l *lines) Write(data []byte) (int, error) {
	l.output.mu.Lock()
	defer l.output.mu.Unlock()
	n := len(data)
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		l.part = append(l.part, line...)
		data = rest
		if whole || len(l.part) >= maxLine {
			l.emit()
		}
	}
	return n, nil
}

// flush passes on a last line without an end.
func (l *lines) flush() {
	l.output.mu.Lock()
	defer l.output.mu.Unlock()
	if len(l.part) > 0 {
		l.emit()
	}
}

// emit ends the line. The lock is held.
func (l *lines) emit() {
	_, _ = io.WriteString(l.output.to, l.prefix+string(l.part)+"\n")
	l.part = l.part[:0]
}
