// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLookupTriesTheLastRuleFirst(t *testing.T) {
	table := mustTable(t, `
		/     => /root;
		/a    => /first;
		/a/b  => 2*/x & /y | ~;
		/*/b  => /wild;
		/a/*  => ~;
		/a    => /last;
		/A    => /other;
		/a/b/c/d => /deep`)
	for text, want := range map[string]string{
		"/":      "/root",
		"/z":     "/root/z",
		"/A":     "/other | /root/A",
		"/a":     "/last | /first | /root/a",
		"/a/b":   "/last/b | ~ | /wild | (2.00*/x & /y | ~) | /first/b | /root/a/b",
		"/a/b/c": "/last/b/c | ~ | /wild/c | (2.00*/x/c & /y/c | ~) | /first/b/c | /root/a/b/c",
		"/q/b/c": "/wild/c | /root/q/b/c",
	} {
		if got := FormatTree(table.Lookup(MustParsePath(text))); got != want {
			t.Errorf("%s gives %s, want %s", text, got, want)
		}
	}
	want := []int{5, 4, 3, 2, 1, 0}
	if diff := cmp.Diff(want, table.Matches(Path{"a", "b"})); diff != "" {
		t.Error(diff)
	}
}

func TestLookupOfNothingIsNeg(t *testing.T) {
	for name, table := range map[string]*Table{
		"nil":    nil,
		"zero":   {},
		"empty":  NewTable(nil),
		"others": mustTable(t, "/a/b => /x; /*/c => /y"),
	} {
		if got := table.Lookup(Path{"a"}); got.Kind != Neg {
			t.Errorf("%s: got %s", name, FormatTree(got))
		}
	}
}

func TestLookupCompareBytes(t *testing.T) {
	table := mustTable(t, `/\x2a => /star; /%41 => /percent; /\xff => /byte`)
	for text, want := range map[string]string{
		`/\x2a/x`: "/star/x",
		"/x":      "~",
		"/A":      "~",
		`/\xff`:   "/byte",
		`/\xfe`:   "~",
	} {
		if got := FormatTree(table.Lookup(MustParsePath(text))); got != want {
			t.Errorf("%s gives %s, want %s", text, got, want)
		}
	}
}
