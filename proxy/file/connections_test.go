// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"testing"

	"github.com/wye-dev/wye/test/ports"
)

func TestConnectionsOfAFileAreKeptReady(t *testing.T) {
	w := newWorld(t)
	w.write("one", w.backend("one"))
	port := uint16(ports.Free(t))
	r := w.run(`
namers: [{kind: io.l5d.fs, rootDir: DISCO}]
routers:
- label: r
  dtab: '/svc => /#/io.l5d.fs/one'
  servers: [{port: %d, dstName: /svc}]
  client: {kind: io.l5d.global, minConnections: 2, maxWaiters: 100}
`, port)
	r.shows("/metrics", `wye_proxy_warm_connections{arm="/#/io.l5d.fs/one"`)
	r.shows("/config", `"maxPending": 100`)
	for used, shown := range []string{"} 0", "} 1", "} 2"} {
		r.shows("/metrics", "wye_proxy_warm_connections_used_total{arm=\"/#/io.l5d.fs/one\",listener=\"tcp/"+w.at(port)+"\",route=\"r/svc\""+shown)
		r.shows("/metrics", "wye_proxy_warm_connections{arm=\"/#/io.l5d.fs/one\",listener=\"tcp/"+w.at(port)+"\",route=\"r/svc\"} 2")
		if got := w.ask(port); got != "one" {
			t.Errorf("client %d reached %s", used, got)
		}
	}
}
