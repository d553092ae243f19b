// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"maps"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Ways in which the book ends a session, as the proxy sees them.
var (
	errFleetDeleted = status.Error(codes.NotFound, "the fleet was deleted")
	errReplaced     = status.Error(codes.Aborted, "replaced by a newer session of the same proxy")
)

// maxRefusalMessage is how much of a refusal's message is kept, in bytes.
const maxRefusalMessage = 1 << 10

// session is what the book knows of one connected proxy. It is between two
// editions at most: the confirmed one and the one in flight. Whatever is
// published meanwhile waits in the book, not here.
type session struct {
	fleet        types.NamespacedName
	pod, version string
	held         uint64 // generation of the proxy's last good config, 0 for none
	reports      bool   // the proxy answers questions
	joined       time.Time

	woken chan struct{} // holds one token when there may be something to send
	ended chan struct{} // closed when the book ends the session; reason is set before
	// reason is the gRPC status with which the session ends.
	reason error

	// Guarded by Book.mu.
	confirmed *edition
	inFlight  *edition
	refused   map[resource]*pushv1.Refusal // replaced, never changed
	questions []*inquiry                   // to be asked; at most maxInquiries of these and asked
	asked     map[uint64]*inquiry          // id -> inquiry that the proxy has not answered
}

// join opens the session of a proxy, and ends the one that its pod had before.
func (b *Book) join(hello *pushv1.Hello) *session {
	s := &session{
		fleet:   types.NamespacedName{Namespace: hello.GetNamespace(), Name: hello.GetFleet()},
		pod:     hello.GetPod(),
		version: hello.GetVersion(),
		held:    hello.GetGeneration(),
		reports: hello.GetReports(),
		asked:   map[uint64]*inquiry{},
		joined:  time.Now(),
		woken:   make(chan struct{}, 1),
		ended:   make(chan struct{}),
	}
	s.rouse()
	b.mu.Lock()
	p := b.page(s.fleet)
	if old, ok := p.sessions[s.pod]; ok {
		old.end(errReplaced)
	}
	p.sessions[s.pod] = s
	b.mu.Unlock()
	b.changed(s.fleet)
	return s
}

// leave takes a session out of the book, unless it was ended there before.
func (b *Book) leave(s *session) {
	b.mu.Lock()
	p, ok := b.pages[s.fleet]
	gone := ok && p.sessions[s.pod] == s
	if gone {
		delete(p.sessions, s.pod)
		if len(p.sessions) == 0 && p.newest == nil && p.seed == (seed{}) {
			delete(b.pages, s.fleet)
		}
	}
	b.mu.Unlock()
	if gone {
		b.changed(s.fleet)
	}
}

// next gives the update to send now, or else a question, nil when there is
// neither: the proxy has the newest, or still owes an ack, or nothing is published.
// It takes one caller at a time; woken tells when to ask again.
func (b *Book) next(s *session) *pushv1.Update {
	b.mu.Lock()
	p, ok := b.pages[s.fleet]
	if !ok || p.sessions[s.pod] != s || s.inFlight != nil || p.newest == s.confirmed {
		defer b.mu.Unlock()
		return s.nextQuestion()
	}
	base, next := s.confirmed, p.newest
	s.inFlight = next
	b.mu.Unlock()
	return difference(base, next) // editions are immutable
}

// nextQuestion gives the question to ask now, nil when there is none. Called with
// Book.mu held.
func (s *session) nextQuestion() *pushv1.Update {
	if len(s.questions) == 0 {
		return nil
	}
	q := s.questions[0]
	s.questions = s.questions[1:]
	s.asked[q.question.GetId()] = q
	return &pushv1.Update{ReportRequest: q.question}
}

// acknowledge takes a proxy's ack. confirmed tells whether it settled the update
// in flight, and took how long that was from publishing, or from the session's
// beginning if that was later. An error ends the session; it is a gRPC status.
func (b *Book) acknowledge(s *session, ack *pushv1.Ack) (took time.Duration, confirmed bool, err error) {
	refused := refusals(ack)
	b.mu.Lock()
	var changed bool
	switch generation := ack.GetGeneration(); {
	case s.inFlight != nil && generation == s.inFlight.generation:
		took = time.Since(latest(s.inFlight.published, s.joined))
		s.confirmed, s.inFlight, s.refused = s.inFlight, nil, refused
		confirmed, changed = true, true
		s.rouse()
	case s.confirmed != nil && generation == s.confirmed.generation:
		changed = !maps.EqualFunc(s.refused, refused, func(x, y *pushv1.Refusal) bool { return proto.Equal(x, y) })
		s.refused = refused
	case s.confirmed == nil && generation == s.held:
		// About its last good config, before the first update: of no interest.
	default:
		err = status.Errorf(codes.InvalidArgument, "ack of generation %d, which is neither held nor in flight", generation)
	}
	b.mu.Unlock()
	if changed {
		b.changed(s.fleet)
	}
	return took, confirmed, err
}

// rouse makes the session's sender look for an update. It never blocks.
func (s *session) rouse() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// end tells the session's server why it is over. Called once, by whoever takes
// the session off its page, with Book.mu held.
func (s *session) end(reason error) {
	s.reason = reason
	close(s.ended)
}

// refusals are an ack's refusals by resource, with messages cut to their limit.
// Those that name nothing are dropped.
func refusals(ack *pushv1.Ack) map[resource]*pushv1.Refusal {
	if len(ack.GetRefused()) == 0 {
		return nil
	}
	refused := make(map[resource]*pushv1.Refusal, len(ack.GetRefused()))
	for _, r := range ack.GetRefused() {
		if r.GetResource().GetName() == "" {
			continue
		}
		if len(r.GetMessage()) > maxRefusalMessage {
			r.Message = strings.ToValidUTF8(r.GetMessage()[:maxRefusalMessage], "")
		}
		refused[resource{r.GetResource().GetKind(), r.GetResource().GetName()}] = r
	}
	return refused
}

func latest(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}
