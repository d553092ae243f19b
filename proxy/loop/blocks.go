// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import "math/bits"

// block holds bytes that their receiver did not take.
type block struct {
	rest  []byte // what is left of them
	space []byte
}

// blocks are the spare blocks of a loop, by the power of two of their size in KiB.
type blocks [10][]*block

// spareBlocks is how many are kept of each size.
const spareBlocks = 16

// take returns a block with a copy of b, which is not empty and at most 512 KiB long.
func (s *blocks) take(b []byte) *block {
	class := sizeClass(len(b))
	var x *block
	if n := len(s[class]); n > 0 {
		x = s[class][n-1]
		s[class] = s[class][:n-1]
	} else {
		x = &block{space: make([]byte, 1<<10<<class)}
	}
	x.rest = x.space[:copy(x.space, b)]
	return x
}

func (s *blocks) give(x *block) {
	if class := sizeClass(len(x.space)); len(s[class]) < spareBlocks {
		s[class] = append(s[class], x)
	}
}

// sizeClass is the least power of two of KiB that n bytes fit into.
func sizeClass(n int) int { return bits.Len(uint(n-1) >> 10) }
