// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"crypto/sha256"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// entry is one resource of an edition. Entries are sorted by name, without
// duplicates.
type entry[M named] struct {
	message M
	sum     [sha256.Size]byte
	since   uint64 // generation in which it changed last
}

type named interface {
	proto.Message
	GetName() string
}

// stamp sorts resources by name and hashes each. Of two with one name the first
// stays; what cannot be marshalled is left out.
func stamp[M named](messages []M) []*entry[M] {
	entries := make([]*entry[M], 0, len(messages))
	var bytes []byte
	for _, m := range messages {
		var err error
		if bytes, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(bytes[:0], m); err != nil {
			continue
		}
		entries = append(entries, &entry[M]{message: m, sum: sha256.Sum256(bytes)})
	}
	slices.SortStableFunc(entries, func(x, y *entry[M]) int {
		return strings.Compare(x.message.GetName(), y.message.GetName())
	})
	return slices.CompactFunc(entries, func(x, y *entry[M]) bool {
		return x.message.GetName() == y.message.GetName()
	})
}

// share puts the entries of previous in place of equal ones of next.
func share[M named](previous, next []*entry[M], generation uint64) {
	at := 0
	for i, n := range next {
		for at < len(previous) && previous[at].message.GetName() < n.message.GetName() {
			at++
		}
		if at < len(previous) && previous[at].message.GetName() == n.message.GetName() && previous[at].sum == n.sum {
			next[i] = previous[at]
		} else {
			n.since = generation
		}
	}
}

func (e *entry[M]) age() uint64 {
	if e == nil {
		return 0
	}
	return e.since
}

// find gives the entry of a name, nil when there is none.
func find[M named](entries []*entry[M], name string) *entry[M] {
	if i, ok := search(entries, name); ok {
		return entries[i]
	}
	return nil
}

// insert puts an entry in its place, unless it is nil or its name is there already.
func insert[M named](entries []*entry[M], e *entry[M]) []*entry[M] {
	if e == nil {
		return entries
	}
	i, ok := search(entries, e.message.GetName())
	if ok {
		return entries
	}
	return slices.Insert(entries, i, e)
}

func search[M named](entries []*entry[M], name string) (int, bool) {
	return slices.BinarySearchFunc(entries, name, func(e *entry[M], name string) int {
		return strings.Compare(e.message.GetName(), name)
	})
}

// tickets are the ticket keys of an edition.
type tickets struct {
	message *pushv1.TicketKeys
	sum     [sha256.Size]byte
}

func newTickets(message *pushv1.TicketKeys) *tickets {
	if len(message.GetKeys()) == 0 {
		return nil
	}
	// Keys are bytes, so this cannot fail.
	text, _ := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	return &tickets{message: message, sum: sha256.Sum256(text)}
}

// since is what has to be said to who has base; nil for nothing.
func (t *tickets) since(base *tickets) *pushv1.TicketKeys {
	if t == nil || base != nil && base.sum == t.sum {
		return nil
	}
	return t.message
}
