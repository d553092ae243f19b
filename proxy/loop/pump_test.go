// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import "testing"

// TestRun tells when the kernel is left to move a direction, and whether it counts as
// bulk among messages, by the sizes of its pieces.
func TestRun(t *testing.T) {
	const k = 1 << 10
	for _, test := range []struct {
		name           string
		pieces         []int // each is there whole before it is read
		spliced, bulky bool
	}{
		{name: "messages", pieces: []int{1 * k, 16 * k, 31 * k, 1, 31 * k}},
		{name: "larger messages are read at once", pieces: []int{48 * k, 48 * k, 48 * k}},
		{name: "a stream", pieces: []int{512 * k}, spliced: true, bulky: true},
		{name: "a stream in pieces that are worth splicing", pieces: []int{100 * k, 100 * k, 100 * k, 100 * k}, spliced: true, bulky: true},
		{name: "a stream whose pieces are middling goes on as it is", pieces: []int{512 * k, 20 * k, 20 * k, 20 * k}, spliced: true, bulky: true},
		{name: "a morsel in a stream", pieces: []int{512 * k, 1 * k}, spliced: true, bulky: true},
		{name: "and another one", pieces: []int{512 * k, 1 * k, 1 * k}, bulky: true},
		{name: "it goes on nonetheless", pieces: []int{512 * k, 1 * k, 1 * k, 128 * k}, spliced: true, bulky: true},
		{name: "morsels after a stream", pieces: []int{8 << 20, 1 * k, 1 * k, 1 * k, 1 * k}},
		{name: "messages as large as a stream's pieces", pieces: []int{200*k + 1, 200*k + 1, 200*k + 1}, spliced: true, bulky: true},
		{name: "messages that are a little more than a read", pieces: []int{33 * k, 33 * k, 33 * k, 33 * k}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var h half
			for _, left := range test.pieces {
				for left > 0 {
					if h.run >= bulk {
						h.took(left, haul)
						break
					}
					most := h.appetite()
					n := min(left, most)
					h.took(n, most)
					left -= n
				}
			}
			c := conn{}
			c.half[client] = h
			if spliced := h.run >= bulk; spliced != test.spliced || c.bulky() != test.bulky {
				t.Errorf("spliced %v, bulky %v after a run of %d; want %v, %v", spliced, c.bulky(), h.run, test.spliced, test.bulky)
			}
		})
	}
}
