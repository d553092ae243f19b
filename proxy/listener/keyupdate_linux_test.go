// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"crypto/tls"
	"errors"
	"io"
	"testing"

	"github.com/wye-dev/wye/proxy/flow"
)

// Who has heard the end may still ask for other keys, though nobody will use them. On
// goroutines crypto/tls reads wrongly after an answer that it cannot send.
func TestAClientMayAskForKeysAfterTheEnd(t *testing.T) {
	s := endTLS(t, planes()["loops"])
	client, backend := s.connectUpdating()
	_ = backend.CloseWrite()
	if n, err := client.tls.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("read %d bytes and %v, want the end", n, err)
	}
	b := client.askForKeys(client.seal(nil, dataRecord, "before, "))
	b = client.seal(b, dataRecord, "after")
	if _, err := client.tcp.Write(b); err != nil {
		t.Fatal(err)
	}
	_ = client.tcp.CloseWrite()
	if got, err := io.ReadAll(backend); string(got) != "before, after" || err != nil {
		t.Errorf("the backend got %q and %v", got, err)
	}
	s.ended(flow.Completed)
}

// To answer takes the loop a hundred times the work of payload. Others have their turns
// meanwhile, many of them.
func TestAClientThatAsksForKeysHoldsNobodyUp(t *testing.T) {
	s := endTLS(t, planes()["loops"])
	client, backend := s.connectUpdating()
	const pieces, rounds = 4000, 20
	var flood []byte
	for range pieces {
		for range 12 {
			flood = client.askForKeys(flood)
		}
		flood = client.seal(flood, dataRecord, "x")
	}
	var others []*tls.Conn // on either loop
	for range 2 {
		other, behind := s.connect()
		go func() { _, _ = io.Copy(behind, behind) }()
		others = append(others, other)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.CopyN(io.Discard, backend, pieces)
	}()
	go func() { _, _ = io.Copy(io.Discard, client.tcp) }()
	go func() { _, _ = client.tcp.Write(flood) }()
	for round := range rounds {
		for _, other := range others {
			_, _ = other.Write([]byte("x"))
			if _, err := io.ReadFull(other, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-answered:
			t.Fatalf("others had %d messages meanwhile, want %d", round, rounds)
		default:
		}
	}
	<-answered
}
