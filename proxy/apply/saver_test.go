// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// disk notes what is written to it, and when.
type disk struct {
	start time.Time

	mu      sync.Mutex
	failure error    // guarded by mu
	writes  []string // guarded by mu
}

func (d *disk) write(c *pushv1.Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure != nil {
		return d.failure
	}
	d.writes = append(d.writes, string(rune('0'+c.GetGeneration()))+" at "+time.Since(d.start).String())
	return nil
}

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = err
}

// saving runs script against a saver on a clock that does not wait.
func saving(t *testing.T, script func(d *disk, s *saver)) []string {
	t.Helper()
	d := &disk{}
	synctest.Test(t, func(*testing.T) {
		d.start = time.Now()
		s := newSaver(d.write, slog.New(slog.DiscardHandler))
		stop := make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() { s.Run(stop) })
		script(d, s)
		close(stop)
		running.Wait()
	})
	return d.writes
}

func generation(n uint64) *pushv1.Config { return &pushv1.Config{Generation: n} }

func TestSaverWritesTheNewestAtMostOnceASecond(t *testing.T) {
	got := saving(t, func(_ *disk, s *saver) {
		s.Save(generation(1))
		synctest.Wait()
		s.Save(generation(2))
		s.Save(generation(3))
		<-time.After(5 * time.Second)
		s.Save(generation(4))
		synctest.Wait()
	})
	if diff := cmp.Diff([]string{"1 at 0s", "3 at 1s", "4 at 5s"}, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestSaverWritesWhatIsLeftWhenItStops(t *testing.T) {
	got := saving(t, func(_ *disk, s *saver) {
		s.Save(generation(1))
		synctest.Wait()
		s.Save(generation(2))
	})
	if diff := cmp.Diff([]string{"1 at 0s", "2 at 0s"}, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestSaverTriesAgainAfterAFailure(t *testing.T) {
	full := errors.New("no space left on device")
	got := saving(t, func(d *disk, s *saver) {
		d.fail(full)
		s.Save(generation(7))
		synctest.Wait()
		if saved, err := s.Saved(); saved != 0 || !errors.Is(err, full) {
			t.Errorf("saved %d, error %v; want 0 and %v", saved, err, full)
		}
		d.fail(nil)
		<-time.After(saveRetry + time.Second)
		if saved, err := s.Saved(); saved != 7 || err != nil {
			t.Errorf("saved %d, error %v; want 7", saved, err)
		}
	})
	if diff := cmp.Diff([]string{"7 at 10s"}, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}
