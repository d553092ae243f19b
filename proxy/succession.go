// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net"
	"sync"

	"github.com/wye-dev/wye/proxy/handover"
	"github.com/wye-dev/wye/proxy/socket"
)

// owner says what is handed over, and how.
func (s *server) owner() handover.Owner {
	relieved := sync.OnceFunc(func() { close(s.relieved) })
	return handover.Owner{
		Sockets: s.sockets,
		Release: func(kept func(name string) bool) {
			s.release(kept)
			relieved()
		},
		Log: func(text string, err error) {
			if err != nil {
				s.Log.Warn(text, "err", err)
				return
			}
			s.Log.Info(text)
		},
	}
}

// sockets are all that this process listens on, but for where it is handed over.
func (s *server) sockets() (map[string]int, error) {
	ports, err := s.set.Sockets()
	if err != nil {
		return nil, err
	}
	all := map[string]int{}
	for place, fd := range ports {
		all[portSocket+place] = fd
	}
	if fd, ok := s.adminSocket(); ok {
		all[s.adminName()] = fd
	}
	return all, nil
}

func (s *server) adminName() string { return AdminSocket + s.Admin.Addr().String() }

// adminSocket is another descriptor of the admin server's socket, while it has one.
func (s *server) adminSocket() (int, bool) {
	l, ok := s.Admin.(*net.TCPListener)
	if !ok {
		return 0, false
	}
	fd, err := socket.Duplicate(l)
	return fd, err == nil
}

// release has another process go on with what is kept. The metrics and the state that
// it shows are its own from now on.
func (s *server) release(kept func(name string) bool) {
	s.set.HandOver(func(place string) bool { return kept(portSocket + place) })
	if kept(s.adminName()) {
		s.stopAdmin()
		<-s.adminOver
	}
	s.draining.Store(true) // which is for those only who still ask this process
}

// letGo has nobody else ask for the sockets, before they are closed. While somebody
// has them, they are not closed to those who wait.
func (s *server) letGo() {
	if s.HandOver == nil {
		return
	}
	s.HandOver.Stop()
	if s.HandOver.Held() {
		s.set.HandOver(func(string) bool { return true })
	}
}
