//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
)

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	var h, other hist
	var all []int64
	x := uint64(1)
	for i := range 20000 {
		x = x*6364136223846793005 + 1442695040888963407
		v := int64(x >> 40) // up to 16 ms
		all = append(all, v)
		if i%2 == 0 {
			h.add(v)
		} else {
			other.add(v)
		}
	}
	h.merge(&other)
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.5, 0.99, 0.999, 1} {
		want := float64(all[max(0, int(q*float64(len(all)))-1)])
		got := float64(h.quantile(q))
		if got < want || got > want*1.02+1 {
			t.Errorf("quantile %v: got %v, want %v within 2 %%", q, got, want)
		}
	}
}

func TestBucketsFollowEachOther(t *testing.T) {
	for _, v := range []uint64{0, 1, 63, 64, 65, 127, 128, 129, 1000, 123456789, 1 << 40} {
		i := bucketOf(v)
		if up := upperOf(i); up < v || bucketOf(up) != i || bucketOf(up+1) != i+1 {
			t.Errorf("%d: bucket %d ends at %d", v, i, up)
		}
	}
}
