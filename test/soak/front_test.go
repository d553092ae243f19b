//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// frontName is what the proxy is called that ends TLS.
const frontName = "front proxy"

// frontConfig is that of the front proxy, with its dtab and its servers to be filled in.
const frontConfig = `
admin: {ip: 127.0.0.1, port: 0}
routers:
- label: front
  interpreter: {kind: default}
  dtab: '%s'
  servers:
%s`

// startFront starts a proxy with ports that end TLS, and lead to those routes of the
// other that are always there.
func (w *world) startFront(t *testing.T, file string) {
	t.Helper()
	authority, dir := pushtest.NewAuthority(t), t.TempDir()
	var dtab, servers strings.Builder
	for _, r := range w.plan.routes {
		if r.passes {
			continue
		}
		id, port := newIdentity(t, authority, dir, r.name), ports.Free(t)
		fmt.Fprintf(&dtab, "/%s => /$/inet/127.0.0.1/%d ;", r.name, r.port)
		fmt.Fprintf(&servers, "  - {ip: 127.0.0.1, port: %d, dstName: /%s, tls: {defaultIdentity: {certs: [%q], privateKey: %q}}}\n",
			port, r.name, id.certs, id.key)
		w.identities = append(w.identities, id)
		for _, version := range versions() {
			w.doors = append(w.doors, &door{
				name: r.name + " by " + tls.VersionName(version), address: fmt.Sprintf("127.0.0.1:%d", port),
				route: r, dial: w.dialTLS(id, version),
			})
		}
	}
	config := write(t, dir, "front.yml", fmt.Appendf(nil, frontConfig, &dtab, &servers))
	w.front = run(t, frontName, file, append(strings.Fields(*flags), config)...)
	w.eventually(t, func() error {
		if text := w.front.get(t, "/ready"); !strings.HasPrefix(text, "ready: ") || !strings.Contains(text, ", 0 refused") {
			return fmt.Errorf("front proxy: %s", text)
		}
		return nil
	})
}

// changeCertificate renews an identity, or spoils one for a while, which must change
// nothing: handshakes then show the last that was good. Connections that are open go on
// in either case.
func (w *world) changeCertificate(t *testing.T) {
	id := w.identities[w.random.IntN(len(w.identities))]
	if id.broken || !id.known() || w.random.IntN(3) > 0 {
		id.renew(t)
		return
	}
	id.spoil(t, w.random.IntN(4))
	w.isCurrent(t, id, 0)
}

// mend renews what is spoilt, and waits until all that is in the files is in force.
func (w *world) mend(t *testing.T) {
	for _, id := range w.identities {
		if id.broken {
			id.renew(t)
		}
		w.isCurrent(t, id, 1)
	}
}

// isCurrent waits until the front proxy says that an identity is current, or is not.
func (w *world) isCurrent(t *testing.T, id *identity, want float64) {
	t.Helper()
	w.eventually(t, func() error {
		series := fmt.Sprintf("wye_proxy_tls_certificate_current{identity=%q}", id.name())
		if got, there := w.front.scrape(t)[series]; got != want || !there {
			return fmt.Errorf("%s is %.0f, there: %t, and should be %.0f", series, got, there, want)
		}
		return nil
	})
}
