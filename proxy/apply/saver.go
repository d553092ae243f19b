// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"log/slog"
	"sync"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

const (
	// savePause is the least time between two writes.
	savePause = time.Second
	// saveRetry is the time after which a write that went wrong is tried again.
	saveRetry = 10 * time.Second
)

// saver writes the newest config that it was given, at most once per savePause.
type saver struct {
	write func(*pushv1.Config) error
	log   *slog.Logger
	wake  chan struct{} // holds one value when newest may be unwritten

	mu     sync.Mutex
	newest *pushv1.Config // guarded by mu; nil when all is written
	saved  uint64         // guarded by mu; generation written last
	failed error          // guarded by mu; what went wrong last, nil when it went well
}

func newSaver(write func(*pushv1.Config) error, log *slog.Logger) *saver {
	return &saver{write: write, log: log, wake: make(chan struct{}, 1)}
}

// Save has config written soon, in place of any that is still waiting.
func (s *saver) Save(config *pushv1.Config) {
	s.mu.Lock()
	s.newest = config
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Saved is the generation on the disk, as far as it was written here, and what
// went wrong with the last write.
func (s *saver) Saved() (generation uint64, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved, s.failed
}

// Run writes until stop is closed, then what is left.
func (s *saver) Run(stop <-chan struct{}) {
	defer s.flush()
	for {
		select {
		case <-s.wake:
		case <-stop:
			return
		}
		pause := savePause
		if s.flush() != nil {
			pause = saveRetry
		}
		select {
		case <-time.After(pause):
		case <-stop:
			return
		}
	}
}

// flush writes the newest config if it is not written yet. After an error it
// stays the newest, to be tried again.
func (s *saver) flush() error {
	s.mu.Lock()
	config := s.newest
	s.mu.Unlock()
	if config == nil {
		return nil
	}
	err := s.write(config)
	s.note(config, err)
	return err
}

// note records the outcome of a write.
func (s *saver) note(config *pushv1.Config, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.failed == nil
	s.failed = err
	if err != nil {
		if first {
			s.log.Warn("config not saved; a restart without the controller would serve an older one",
				"generation", config.GetGeneration(), "error", err)
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
		return
	}
	s.saved = config.GetGeneration()
	if s.newest == config {
		s.newest = nil
	}
}
