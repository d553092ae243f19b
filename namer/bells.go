// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namer

import (
	"strconv"
	"sync"
	"sync/atomic"
)

// Bells wake those who follow names of a Table, each of whom is a consumer of its
// own: Ring is what the Table is to call when a name has changed. The zero value is
// ready to use.
type Bells struct {
	bells sync.Map // consumer -> chan struct{}
	next  atomic.Uint64
}

// Hang makes a consumer and its bell, which has a value once Ring has been called
// for it. Take must follow.
func (b *Bells) Hang() (consumer string, bell <-chan struct{}) {
	c := make(chan struct{}, 1)
	consumer = strconv.FormatUint(b.next.Add(1), 10)
	b.bells.Store(consumer, c)
	return consumer, c
}

// Take removes the bell of a consumer.
func (b *Bells) Take(consumer string) { b.bells.Delete(consumer) }

// Ring wakes a consumer, if it has a bell.
func (b *Bells) Ring(consumer string) {
	if bell, ok := b.bells.Load(consumer); ok {
		select {
		case bell.(chan struct{}) <- struct{}{}:
		default: // it is ringing
		}
	}
}
