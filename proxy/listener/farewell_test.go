// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
)

// overheard notes what is read.
type overheard struct {
	net.Conn
	heard bytes.Buffer
}

func (o *overheard) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	o.heard.Write(b[:n])
	return n, err
}

// last is the type of the last record.
func (o *overheard) last() (kind byte) {
	for b := o.heard.Bytes(); len(b) >= 5; {
		kind = b[0]
		b = b[min(len(b), 5+int(binary.BigEndian.Uint16(b[3:]))):]
	}
	return kind
}

// A client in TLS that has been quiet for too long is told the end in TLS, so that it
// can tell that from a connection that was cut.
func TestTheEndOfAQuietConnectionIsToldInTLS(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		route := *s.plan.Routes["ns/route"]
		route.Timeouts.Idle = 200 * time.Millisecond
		s.plan.Listeners["tcp/1"].Route = &route
		s.config.MaxVersion = tls.VersionTLS12 // where alerts can be told from data
		conn := &overheard{Conn: s.dial()}
		client := tls.Client(conn, s.config)
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		s.accepted()
		if _, err := io.Copy(io.Discard, client); err != nil {
			t.Error(err)
		}
		const alert = 21
		if kind := conn.last(); kind != alert {
			t.Errorf("the last record is of type %d", kind)
		}
		s.ended(flow.IdleTimeout)
	})
}
