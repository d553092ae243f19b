// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/fs"
	"github.com/wye-dev/wye/namer/inet"
	"github.com/wye-dev/wye/namer/rewrite"
)

// Set is namers that were made.
type Set struct {
	Mounts []namer.Mount
	runs   []func(context.Context) error
}

// Open makes the namers of a list, and those that every table has. An error is a
// mistake in the configuration: a directory that is not there, a pattern that does
// not parse.
func Open(namers []Namer) (*Set, error) {
	hosts := inet.New(inet.Options{})
	s := &Set{Mounts: hosts.Mounts(), runs: []func(context.Context) error{hosts.Run}}
	for _, n := range namers {
		if err := s.open(n); err != nil {
			return nil, fmt.Errorf("namer %s: %w", n.Kind, err)
		}
	}
	return s, nil
}

func (s *Set) open(n Namer) error {
	switch n.Kind {
	case KindFS:
		files, err := fs.New(fs.Options{Root: n.RootDir, Prefix: n.Mount()})
		if err != nil {
			return err
		}
		s.Mounts = append(s.Mounts, files.Mount())
		s.runs = append(s.runs, files.Run)
	case KindRewrite:
		names, err := rewrite.New(rewrite.Options{Prefix: n.Mount(), Pattern: n.Pattern, Name: n.Name})
		if err != nil {
			return err
		}
		s.Mounts = append(s.Mounts, names.Mount())
	}
	return nil
}

// Run follows the world until ctx ends. What was said last stays as it was.
func (s *Set) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range s.runs {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}
