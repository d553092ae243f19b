//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// frontName is what the proxy is called that ends TLS.
const frontName = "front proxy"

// frontConfig is that of the front proxy, with its dtab, its servers and whom it trusts
// to be the back proxy to be filled in.
const frontConfig = `
admin: {ip: 127.0.0.1, port: 0}
routers:
- label: front
  interpreter: {kind: default}
  dtab: '%s'
  servers:
%s
  client:
    kind: io.l5d.static
    configs:
    - {prefix: /back, proxyProtocol: 2, tls: {dnsName: %s, trustCerts: [%q]}}
`

// startFront starts a proxy with ports that end TLS, and lead to those routes of the
// other that are always there, and to the back proxy. One without TLS does that, too.
func (w *world) startFront(t *testing.T, file string) {
	t.Helper()
	authority, dir := pushtest.NewAuthority(t), t.TempDir()
	var dtab, servers strings.Builder
	var ids []*identity
	lead := func(name, destination string, tells bool) {
		id, port := newIdentity(t, authority, dir, name), ports.Free(t)
		fmt.Fprintf(&dtab, "/%s => %s ;", name, destination)
		fmt.Fprintf(&servers, "  - {ip: 127.0.0.1, port: %d, dstName: /%s, tls: {defaultIdentity: {certs: [%q], privateKey: %q}}}\n",
			port, name, id.certs, id.key)
		ids = append(ids, id)
		for _, version := range versions() {
			w.doors = append(w.doors, &door{
				name: name + " by " + tls.VersionName(version), address: fmt.Sprintf("127.0.0.1:%d", port),
				tells: tells, dial: w.dialTLS(id, version, &net.Dialer{Timeout: patience}),
			})
		}
	}
	for _, r := range w.plan.routes {
		if !r.passes {
			lead(r.name, inet(int(r.port)), false)
		}
	}
	lead("back", inet(w.back.port), true)
	open := ports.Free(t)
	fmt.Fprintf(&servers, "  - {ip: 127.0.0.1, port: %d, dstName: /back}\n", open)
	w.doors = append(w.doors, &door{name: "back in the clear", address: fmt.Sprintf("127.0.0.1:%d", open), tells: true, dial: dialTCP})
	config := write(t, dir, "front.yml", fmt.Appendf(nil, frontConfig, &dtab, &servers, host, w.back.trust))
	w.front = w.runFile(t, frontName, file, config, ids...)
}

// inet is the name of a port of this machine.
func inet(port int) string { return fmt.Sprintf("/$/inet/127.0.0.1/%d", port) }

// runFile starts a proxy with a file and waits until it serves. The identities are its own.
func (w *world) runFile(t *testing.T, name, file, config string, ids ...*identity) *program {
	t.Helper()
	p := run(t, name, file, append(strings.Fields(*flags), config)...)
	w.eventually(t, func() error {
		if text := p.get(t, "/ready"); !strings.HasPrefix(text, "ready: ") || !strings.Contains(text, ", 0 refused") {
			return fmt.Errorf("%s: %s", name, text)
		}
		return nil
	})
	for _, id := range ids {
		id.shower = p
	}
	w.identities = append(w.identities, ids...)
	return p
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

// isCurrent waits until its proxy says that an identity is current, or is not.
func (w *world) isCurrent(t *testing.T, id *identity, want float64) {
	t.Helper()
	w.eventually(t, func() error {
		series := fmt.Sprintf("wye_proxy_tls_certificate_current{identity=%q}", id.name())
		if got, there := id.shower.scrape(t)[series]; got != want || !there {
			return fmt.Errorf("%s is %.0f, there: %t, and should be %.0f", series, got, there, want)
		}
		return nil
	})
}
