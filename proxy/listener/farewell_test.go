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

	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
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
		f := front(t, plane)
		f.ending("b", "b.test")
		f.config.Routes[0].Timeouts = &pushv1.Timeouts{Idle: durationpb.New(200 * time.Millisecond)}
		f.serve()
		config := f.client("b.test")
		config.MaxVersion = tls.VersionTLS12 // where alerts can be told from data
		conn := &overheard{Conn: f.dial()}
		if _, err := io.Copy(io.Discard, tls.Client(conn, config)); err != nil {
			t.Error(err)
		}
		const alert = 21
		if kind := conn.last(); kind != alert {
			t.Errorf("the last record is of type %d", kind)
		}
		f.counted(flow.IdleTimeout, 1)
	})
}
