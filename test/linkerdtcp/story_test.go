// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package linkerdtcp plays linkerd-tcp's demo with our programs in place of namerd
// and linkerd-tcp: their configuration files, two real Redis servers, traffic all
// the while, and no Kubernetes.
package linkerdtcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// batch is how many connections are counted in each step.
const batch = 200

func TestTheDemoOfLinkerdTCP(t *testing.T) {
	d := start(t)
	l := d.load()

	// Everything goes to the first server, as the table says.
	l.expect(batch, 0)

	// namerctl dtab get default | sed 's/redis1/redis2/' > default.dtab
	// namerctl dtab update default default.dtab
	table := d.get()
	if want := "# version AAAAAAAAAAE=\n/cluster    => /#/io.l5d.fs ;\n/svc        => /cluster ;\n/svc/redis  => /cluster/redis1 ;\n"; table != want {
		t.Errorf("namerctl would show (-want +got):\n%s", cmp.Diff(want, table))
	}
	d.update(strings.ReplaceAll(table, "redis1", "redis2"))
	d.await(`"arm": "/#/io.l5d.fs/redis2"`)
	l.expect(0, batch)

	// linkerd-tcp could not do that: a share of the connections, exactly.
	d.update("/cluster => /#/io.l5d.fs ; /svc => /cluster ; /svc/redis => 9 * /cluster/redis1 & 1 * /cluster/redis2 ;")
	d.await(`"weight": 9`)
	l.expect(batch*9/10, batch/10)

	// Addresses change in service discovery, and are followed without being asked for.
	d.announce("redis1", d.redis[1])
	d.await(fmt.Sprintf(`"name": "default/svc/redis: /#/io.l5d.fs/redis1",
        "endpoints": [
          {
            "address": "127.0.0.1",
            "port": %d`, d.redis[1].port))
	l.expect(0, batch)

	// A namerd that is away changes nothing.
	d.namerd.interrupt()
	d.await(`connection refused`)
	l.expect(0, batch)

	// Nobody has noticed any of it.
	l.stop()
	if l.failed.Load() > 0 {
		t.Errorf("%d commands failed, the first with: %v", l.failed.Load(), l.failure.Load())
	}
	if n := l.dialled.Load(); n != stayers {
		t.Errorf("%d connections that stay were dialled %d times", stayers, n)
	}
	if l.steady.Load() == 0 || l.fresh.Load() < 5*batch {
		t.Errorf("%d commands on connections that stay and %d on new ones: the test says nothing", l.steady.Load(), l.fresh.Load())
	}
	if code := d.post("/shutdown"); code != http.StatusOK {
		t.Errorf("/shutdown answers %d", code)
	}
	d.proxy.ends()
}

// get is what namerctl dtab get asks for, and how it shows it.
func (d *demo) get() string {
	d.t.Helper()
	answer := d.ask(http.MethodGet, "application/json", "")
	var rules []struct{ Prefix, Dst string }
	if err := json.Unmarshal([]byte(answer.body), &rules); err != nil {
		d.t.Fatal(err, answer.body)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# version %s\n", answer.header.Get("ETag"))
	longest := 0
	for _, r := range rules {
		longest = max(longest, len(r.Prefix))
	}
	for _, r := range rules {
		fmt.Fprintf(&text, "%s%*s %s ;\n", r.Prefix, longest-len(r.Prefix)+4, "=>", r.Dst)
	}
	return text.String()
}

// update is what namerctl dtab update sends.
func (d *demo) update(table string) {
	d.t.Helper()
	if answer := d.ask(http.MethodPut, "application/dtab", table); answer.code != http.StatusNoContent {
		d.t.Fatalf("update: %d %s", answer.code, answer.body)
	}
}
