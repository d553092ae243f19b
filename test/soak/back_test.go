//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// elsewhere is where those dial from whom the back proxy does not trust.
const elsewhere = "127.0.0.2"

// backConfig is that of the back proxy, with the directory of its names and its servers to
// be filled in. What it says nothing of is as by default: failFast takes endpoints out.
const backConfig = `
admin: {ip: 127.0.0.1, port: 0}
namers:
- {kind: io.l5d.fs, rootDir: %q}
routers:
- label: back
  interpreter: {kind: default}
  dtab: '/back => /#/io.l5d.fs/endpoints ; /warm => /#/io.l5d.fs/endpoints ;'
  servers:
  - {ip: 127.0.0.1, port: %d, dstName: /back, proxyProtocol: {trustedCIDRs: [127.0.0.1/32]}, tls: {defaultIdentity: {certs: [%q], privateKey: %q}}}
  - {ip: 127.0.0.1, port: %d, dstName: /warm}
  client:
    kind: io.l5d.static
    configs:
    - {prefix: /back, proxyProtocol: 2}
    - {prefix: /warm, minConnections: 4}
`

// back is a proxy that ends the TLS of the front proxy, and tells the endpoints of
// clients as it has been told itself. At another port, for clients in the clear, it has
// connections to the endpoints ready.
type back struct {
	program   *program
	port      int
	trust     string // file with the authorities that the front proxy trusts
	authority *pushtest.Authority
}

// startBack starts the back proxy before all endpoints, with doors for those who dial it
// without the front proxy.
func (w *world) startBack(t *testing.T, file string) {
	t.Helper()
	authority, dir := pushtest.NewAuthority(t), t.TempDir()
	w.back = &back{port: ports.Free(t), trust: write(t, dir, "trust.crt", authority.PEM), authority: authority}
	var endpoints strings.Builder
	for _, e := range w.endpoints {
		fmt.Fprintf(&endpoints, "127.0.0.1 %d\n", e.port)
	}
	names := t.TempDir()
	write(t, names, "endpoints", []byte(endpoints.String()))
	id, warm := newIdentity(t, authority, dir, "back"), ports.Free(t)
	config := write(t, dir, "back.yml", fmt.Appendf(nil, backConfig, names, w.back.port, id.certs, id.key, warm))
	w.back.program = w.runFile(t, "back proxy", file, config, id)
	w.doors = append(w.doors, &door{name: "warm", address: fmt.Sprintf("127.0.0.1:%d", warm), dial: dialTCP})
	for _, version := range versions() {
		from := &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(elsewhere)}}
		w.doors = append(w.doors, &door{
			name: "back from elsewhere by " + tls.VersionName(version), address: fmt.Sprintf("127.0.0.1:%d", w.back.port),
			tells: true, dial: w.dialTLS(id, version, from),
		})
	}
}

// changeTrust has the front proxy trust a further authority of backends, or only the one
// that signs those of the back proxy: handshakes then begin anew, and all succeed.
func (w *world) changeTrust(t *testing.T) {
	trusted := w.back.authority.PEM
	if w.random.IntN(2) == 0 {
		trusted = slices.Concat(pushtest.NewAuthority(t).PEM, trusted)
	}
	replace(t, w.back.trust, trusted)
}

// killsToAct is so many kills and starts of endpoints that each thing has been done by then.
const killsToAct = 20

// wantActs wants the back proxy to have done what shows in nothing that clients see, if
// the test was long enough.
func (w *world) wantActs(t *testing.T) {
	t.Helper()
	f := w.back.program.scrape(t)
	for _, series := range []string{"wye_proxy_warm_connections_used_total", "wye_proxy_endpoint_ejections_total"} {
		n := f.sum(series)
		t.Logf("%s of the back proxy is %.0f", series, n)
		if n == 0 && w.changed["kills"] >= killsToAct {
			w.tally.violation("%s of the back proxy is 0, after %d kills and starts", series, w.changed["kills"])
		}
	}
}
