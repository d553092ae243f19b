// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
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
