//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"math/bits"
)

// hist is a log-linear latency histogram in nanoseconds: 64 linear steps for
// each power of two, so any reported quantile is within 1.6 % of the true one.
type hist struct {
	counts [40 * subBuckets]uint32
	total  uint64
	max    uint64
}

const (
	subBits    = 6
	subBuckets = 1 << subBits
)

func bucketOf(ns uint64) int {
	if ns < subBuckets {
		return int(ns)
	}
	exp := bits.Len64(ns) - subBits - 1
	return exp<<subBits + int(ns>>exp)
}

// upperOf is the largest value that falls into bucket i.
func upperOf(i int) uint64 {
	if i < 2*subBuckets {
		return uint64(i)
	}
	exp := i>>subBits - 1
	return (uint64(i&(subBuckets-1)+subBuckets)+1)<<exp - 1
}

func (h *hist) add(ns int64) {
	if ns < 0 {
		ns = 0
	}
	v := uint64(ns)
	i := bucketOf(v)
	if i >= len(h.counts) {
		i = len(h.counts) - 1
	}
	h.counts[i]++
	h.total++
	if v > h.max {
		h.max = v
	}
}

func (h *hist) merge(o *hist) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.total += o.total
	if o.max > h.max {
		h.max = o.max
	}
}

// quantile returns the q-th quantile in nanoseconds (0 when empty).
func (h *hist) quantile(q float64) uint64 {
	if h.total == 0 {
		return 0
	}
	want := uint64(math.Ceil(q * float64(h.total)))
	if want == 0 {
		want = 1
	}
	var seen uint64
	for i, c := range h.counts {
		seen += uint64(c)
		if seen >= want {
			if v := upperOf(i); v < h.max {
				return v
			}
			return h.max
		}
	}
	return h.max
}
