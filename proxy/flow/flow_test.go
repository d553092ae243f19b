// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/proxy/flow"
)

func TestEveryOutcomeHasALabelOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for o := range flow.Outcomes {
		label := o.String()
		if label == "unknown" || label != strings.ToLower(label) || seen[label] {
			t.Errorf("outcome %d is called %q", o, label)
		}
		seen[label] = true
	}
}

func TestTheLogLineSaysWhatIsKnown(t *testing.T) {
	began := time.Unix(100, 0)
	for _, test := range []struct {
		conn *flow.Conn
		want string
	}{
		{
			&flow.Conn{
				ID: 1, Listener: "tcp/1", Route: "ns/r", Arm: "a", Client: netip.MustParseAddrPort("127.0.0.1:1"),
				Endpoint: netip.MustParseAddrPort("127.0.0.1:2"), Accepted: began, Connected: began.Add(time.Millisecond),
				Ended: began.Add(time.Second), Dials: 2, Outcome: flow.Completed,
			},
			"conn=1 listener=tcp/1 route=ns/r arm=a client=127.0.0.1:1 outcome=completed dials=2 received=0 sent=0 duration=1s endpoint=127.0.0.1:2 connect=1ms",
		},
		{
			&flow.Conn{
				ID: 2, Listener: "tcp/1", Client: netip.MustParseAddrPort("[::1]:1"), Accepted: began, Ended: began,
				Outcome: flow.ConnectFailed, Err: errors.New("refused"),
			},
			"conn=2 listener=tcp/1 route= arm= client=[::1]:1 outcome=connect_failed dials=0 received=0 sent=0 duration=0s err=refused",
		},
	} {
		var parts []string
		for _, a := range test.conn.LogAttrs() {
			parts = append(parts, a.String())
		}
		if diff := cmp.Diff(test.want, strings.Join(parts, " ")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestBytesAreToldToTheTotal(t *testing.T) {
	var total counter
	b := flow.Bytes{Total: &total}
	b.AddReceived(3)
	b.AddSent(4)
	if b.Received.Load() != 3 || b.Sent.Load() != 4 || total != (counter{3, 4}) {
		t.Errorf("got %d and %d, in total %v", b.Received.Load(), b.Sent.Load(), total)
	}
}

type counter [2]int64

func (c *counter) Moved(received, sent int64) { c[0] += received; c[1] += sent }
