// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/wye-dev/wye/proxy/tlsconf"
)

// item is an identity or a bundle that is followed. It belongs to the goroutine of Run.
type item struct {
	where, kind, name string
	parts             []part
	parse             func(texts [][]byte) (material, error) // of parts

	read    material          // in force
	sum     [sha256.Size]byte // of the content that read was made of
	problem string            // that was told last; empty: none
}

// part is a file, under the key of the configuration that names it.
type part struct{ key, file string }

// material is what is made of files.
type material interface {
	put(to *tlsconf.Store, name string)
	// stale notes why the newest form is not in force.
	stale(in *tlsconf.Store, name string, why error)
	// check tells whether others can trust it at a time.
	check(now time.Time) error
}

func (i Identity) item() *item {
	it := &item{where: i.Where, kind: "identity", name: i.Name()}
	for _, file := range i.Certs {
		it.parts = append(it.parts, part{"certs", file})
	}
	it.parts = append(it.parts, part{"privateKey", i.Key})
	it.parse = func(texts [][]byte) (material, error) {
		last := len(texts) - 1
		read, err := tlsconf.Parse(bytes.Join(texts[:last], []byte("\n")), texts[last])
		if err != nil {
			return nil, fmt.Errorf("certs %s with privateKey %s: %w", strings.Join(i.Certs, ", "), i.Key, err)
		}
		return identity{read}, nil
	}
	return it
}

func (b Bundle) item() *item {
	it := &item{where: b.Where, kind: "bundle", name: b.Name()}
	for _, file := range b.Files {
		it.parts = append(it.parts, part{"trustCerts", file})
	}
	it.parse = func(texts [][]byte) (material, error) {
		if len(texts) == 0 {
			return bundle{&tlsconf.Bundle{}}, nil
		}
		read, err := tlsconf.ParseBundle(bytes.Join(texts, []byte("\n")))
		if err != nil {
			return nil, fmt.Errorf("trustCerts %s: %w", strings.Join(b.Files, ", "), err)
		}
		return bundle{read}, nil
	}
	return it
}

// load reads the files. It tells whether there is something new in them, that can be used.
func (it *item) load() (fresh bool, err error) {
	texts := make([][]byte, 0, len(it.parts))
	for _, part := range it.parts {
		text, err := read(part.file)
		if err != nil {
			return false, fmt.Errorf("%s: %w", part.key, err)
		}
		texts = append(texts, text)
	}
	sum := sha256.Sum256(bytes.Join(texts, []byte{0}))
	if it.read != nil && sum == it.sum {
		return false, nil
	}
	material, err := it.parse(texts)
	if err != nil {
		return false, err
	}
	it.read, it.sum = material, sum
	return true, nil
}

type identity struct{ *tlsconf.Identity }

func (i identity) put(to *tlsconf.Store, name string) { to.Put(name, i.Identity) }

func (i identity) stale(in *tlsconf.Store, name string, why error) { in.Stale(name, why) }

func (i identity) check(now time.Time) error { return i.Check(now) }

type bundle struct{ *tlsconf.Bundle }

func (b bundle) put(to *tlsconf.Store, name string) { to.PutBundle(name, b.Bundle) }

func (b bundle) stale(*tlsconf.Store, string, error) {}

func (b bundle) check(time.Time) error { return nil } // it is the authorities' to expire

// LogValue implements slog.LogValuer.
func (b bundle) LogValue() slog.Value { return slog.GroupValue(slog.Int("certificates", b.Len())) }
