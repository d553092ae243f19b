// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/plan"
)

// maxShown bounds what an error shows of an answer, in bytes.
const maxShown = 64

// probe checks an endpoint once. nil: it does well.
func (w *ward) probe(ctx context.Context, pool *plan.Pool, endpoint netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, w.check.Timeout)
	defer cancel()
	conn, err := w.opts.Reach(ctx, pool, endpoint)
	if err != nil {
		return err
	}
	defer conn.Close()
	undo := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer undo()
	return exchange(conn, w.check.Send, w.check.Expect)
}

// exchange says something, if there is anything to say, and hears the answer, if
// one is expected.
func exchange(conn net.Conn, send, expect []byte) error {
	if len(send) > 0 {
		if _, err := conn.Write(send); err != nil {
			return fmt.Errorf("send %d bytes: %w", len(send), err)
		}
	}
	answer := make([]byte, len(expect))
	for n := 0; n < len(expect); {
		more, err := conn.Read(answer[n:])
		n += more
		switch {
		case !bytes.HasPrefix(expect, answer[:n]):
			return fmt.Errorf("the answer begins with %q", answer[:min(n, maxShown)])
		case n == len(expect):
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the answer ends after %q", answer[:min(n, maxShown)])
		case err != nil:
			return fmt.Errorf("after %d bytes of the answer: %w", n, err)
		}
	}
	return nil
}
