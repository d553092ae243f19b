// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"time"

	"github.com/wye-dev/wye/proxy/guard"
)

// pace keeps one direction of a session at its bytes per second.
type pace struct {
	session *session
	bucket  guard.Bucket
	room    int // bytes that may be moved, as await has said
}

// paced is the pace for one direction; nil: there is no limit.
func (s *session) paced() *pace {
	if s.limits.BytesPerSecond == 0 {
		return nil
	}
	return &pace{session: s, bucket: guard.NewBucket(s.limits.BytesPerSecond)}
}

// await waits until bytes may be moved, or the session is to stop.
func (p *pace) await() {
	if p == nil {
		return
	}
	for {
		now := time.Since(p.session.began)
		if p.room = p.bucket.Room(now); p.room > 0 {
			return
		}
		timer := time.NewTimer(p.bucket.When() - now)
		select {
		case <-timer.C:
		case <-p.session.stopped:
			timer.Stop()
			return
		}
	}
}

// of is src for as many bytes as may be moved.
func (p *pace) of(src io.Reader) io.Reader {
	if p == nil {
		return src
	}
	return &io.LimitedReader{R: src, N: int64(p.room)}
}

// spend notes that bytes were moved. It tells whether they were all that might be, so
// that src need not have ended.
func (p *pace) spend(n int64) (all bool) {
	if p == nil {
		return false
	}
	p.bucket.Spend(int(n))
	p.room -= int(n)
	return p.room <= 0
}
