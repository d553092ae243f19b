// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"cmp"
	"slices"
	"time"
)

// Shortlist is for data planes: of the connections that it is offered it keeps those
// that have been quiet longest, or else the first.
type Shortlist[C any] struct {
	most     int
	quietest bool
	listed   []candidate[C]
	bar      time.Duration // who has been quiet for less has no chance
}

type candidate[C any] struct {
	quiet time.Duration
	conn  C
}

// NewShortlist makes a list of at most so many.
func NewShortlist[C any](most int, quietest bool) *Shortlist[C] {
	return &Shortlist[C]{most: most, quietest: quietest, bar: -1}
}

// Full tells whether there is no need to offer more.
func (s *Shortlist[C]) Full() bool { return !s.quietest && len(s.listed) >= s.most }

// Offer puts a connection on the list, if it belongs there.
func (s *Shortlist[C]) Offer(quiet time.Duration, conn C) {
	if s.Full() || quiet <= s.bar {
		return
	}
	s.listed = append(s.listed, candidate[C]{quiet, conn})
	if len(s.listed) >= 2*s.most+16 {
		s.cut()
	}
}

// OfferAll offers those on another list.
func (s *Shortlist[C]) OfferAll(other *Shortlist[C]) {
	for _, c := range other.listed {
		s.Offer(c.quiet, c.conn)
	}
}

// Take is those on the list, those that have been quiet longest first.
func (s *Shortlist[C]) Take() []C {
	s.cut()
	conns := make([]C, len(s.listed))
	for i, c := range s.listed {
		conns[i] = c.conn
	}
	return conns
}

// cut leaves no more than there may be.
func (s *Shortlist[C]) cut() {
	if s.quietest {
		slices.SortFunc(s.listed, func(a, b candidate[C]) int { return cmp.Compare(b.quiet, a.quiet) })
	}
	if len(s.listed) > s.most {
		s.listed = s.listed[:s.most]
	}
	if s.quietest && len(s.listed) == s.most && s.most > 0 {
		s.bar = s.listed[s.most-1].quiet
	}
}
