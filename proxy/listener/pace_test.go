// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"crypto/rand"
	"crypto/tls"
	"io"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// A connection is not idle while a record comes slowly, because that is how fast it may.
func TestARecordThatTakesLongIsNotIdle(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.ending("b")
		r := f.config.Routes[0]
		r.Limits = &pushv1.RouteLimits{BytesPerSecond: 6 << 10}
		r.Timeouts = &pushv1.Timeouts{Idle: durationpb.New(time.Second)}
		f.serve()
		client := f.tls("other.test")
		record := make([]byte, 16<<10) // a second's worth, and then most of two more
		_, _ = rand.Read(record)
		if _, err := client.Write(record); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1+len(record))
		if _, err := io.ReadFull(client, got); err != nil || string(got) != "b"+string(record) {
			t.Errorf("%d bytes came back, with %v", len(got), err)
		}
	})
}

// tls connects, in records as large as can be.
func (f *fronted) tls(host string) *tls.Conn {
	f.t.Helper()
	config := f.client(host)
	config.DynamicRecordSizingDisabled = true
	return tls.Client(f.dial(), config)
}
