// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

func (w *world) bundle(name string, authorities ...*pushtest.Authority) {
	w.t.Helper()
	var text []byte
	for _, a := range authorities {
		text = append(text, a.PEM...)
	}
	bundle, err := tlsconf.ParseBundle(text)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.PutBundle(name, bundle)
}

func TestWhatIsNotKeptIsDropped(t *testing.T) {
	w := newWorld(t)
	w.put("one", "a.example.com")
	w.put("two", "b.example.com")
	w.bundle("clients", w.authority)
	w.bundle("others", w.authority)
	address := w.serve(w.config(tlsconf.Server{Default: "two"}))
	w.store.Keep(map[string]bool{"one": true}, map[string]bool{"clients": true})
	if states := w.store.States(); len(states) != 1 || states[0].Name != "one" {
		t.Errorf("there are %v", states)
	}
	if _, err := w.store.Server(tlsconf.Server{Default: "two"}); err == nil {
		t.Error("an identity that was dropped is there")
	}
	if _, err := w.store.CAs([]string{"others"}); err == nil {
		t.Error("a bundle that was dropped is there")
	}
	w.wants("a config made before", w.openssl(address), "subject=CN = two\n")
}

func TestBundlesAreTrustedTogether(t *testing.T) {
	w := newWorld(t)
	one, two := pushtest.NewAuthority(t), pushtest.NewAuthority(t)
	w.bundle("one", one)
	w.bundle("two", two)
	w.bundle("both", one, two)
	together, err := w.store.CAs([]string{"one", "two"})
	if err != nil {
		t.Fatal(err)
	}
	if both, err := w.store.CAs([]string{"both"}); err != nil || !both.Equal(together) {
		t.Errorf("two bundles are not the same as their certificates in one: %v", err)
	}
	if none, err := w.store.CAs(nil); none != nil || err != nil {
		t.Errorf("no bundles are %v, %v", none, err)
	}
}

func TestTicketsOpenWhereverTheKeysAre(t *testing.T) {
	w := newWorld(t)
	w.put("one", "a.example.com")
	keys := tlsconf.TicketKeys{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)}
	if err := keys.Check(); err != nil {
		t.Fatal(err)
	}
	serve := func(keys tlsconf.TicketKeys, who string) string {
		config := w.config(tlsconf.Server{Default: "one"})
		if err := keys.Use(config, who); err != nil {
			t.Fatal(err)
		}
		return w.serve(config)
	}
	first := serve(keys, "a")
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		session := filepath.Join(w.dir, "session"+version)
		w.wants("a new session", w.openssl(first, version, "-sess_out", session), "New, TLSv1.")
		for reason, c := range map[string]struct{ address, want string }{
			"another server with the keys":         {serve(keys, "a"), "Reused, TLSv1."},
			"one that seals with another by now":   {serve(tlsconf.TicketKeys{keys[1], keys[0]}, "a"), "Reused, TLSv1."},
			"one that lets others in":              {serve(keys, "b"), "New, TLSv1."},
			"one with other keys":                  {serve(keys[1:], "a"), "New, TLSv1."},
			"one that has none, and makes its own": {serve(nil, "a"), "New, TLSv1."},
		} {
			w.wants(reason, w.openssl(c.address, version, "-sess_in", session), c.want)
		}
	}
	if err := (tlsconf.TicketKeys{keys[0][1:]}).Check(); err == nil {
		t.Error("a short key is good")
	}
	if text := fmt.Sprintf("%v %+v %#v %s", keys, keys, keys, keys); strings.Contains(text, "\x01") || strings.Contains(text, "1 1") || strings.Contains(text, "0x1") {
		t.Errorf("keys are printed as %s", text)
	}
}
