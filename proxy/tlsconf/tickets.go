// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
)

// TicketKeys are what the servers of several proxies seal session tickets with, so
// that each opens the others': the first seals, all open.
type TicketKeys [][]byte

// ticketKeySize is what each key must have at least, in bytes.
const ticketKeySize = 32

// Check tells what is wrong with the keys. None are good.
func (k TicketKeys) Check() error {
	for i, key := range k {
		if len(key) < ticketKeySize {
			return fmt.Errorf("ticket key %d has %d bytes, less than %d", i+1, len(key), ticketKeySize)
		}
	}
	return nil
}

// Use has a server seal its tickets with keys that are made of these and of whom the
// server lets in: a ticket opens only where the same was asked for, so nobody comes in
// by a session that another server granted. Without keys nothing happens.
func (k TicketKeys) Use(config *tls.Config, who string) error {
	if len(k) == 0 {
		return nil
	}
	derived := make([][32]byte, len(k))
	for i, key := range k {
		one, err := hkdf.Key(sha256.New, key, nil, "wye session tickets of "+who, len(derived[i]))
		if err != nil {
			return fmt.Errorf("derive ticket keys: %w", err)
		}
		derived[i] = [32]byte(one)
	}
	config.SetSessionTicketKeys(derived)
	return nil
}

// String keeps the keys out of logs and errors.
func (k TicketKeys) String() string { return fmt.Sprintf("%d ticket keys", len(k)) }

// GoString implements fmt.GoStringer, to the same end.
func (k TicketKeys) GoString() string { return k.String() }
