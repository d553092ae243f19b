// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wye-dev/wye/test/load"
)

// within is the time for a scene to be in force, and again for its connections.
const within = 30 * time.Second

// Stage is where the story is played.
type Stage interface {
	// Change does what a scene does.
	Change(ctx context.Context, s Scene) error
	// View asks the API server.
	View(ctx context.Context) (View, error)
}

// Player plays scenes.
type Player struct {
	Stage   Stage
	Load    *load.Load
	Servers [2]*redis.Client // redis1 and redis2, directly
}

// Play makes one scene's change, waits until it is in force and counts where new
// connections go. Numbers must differ.
func (p *Player) Play(ctx context.Context, number int, s Scene) (Outcome, error) {
	before, begun := p.Load.Totals(), time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*within)
	defer cancel()
	if err := p.Stage.Change(ctx, s); err != nil {
		return Outcome{}, err
	}
	if err := p.until(ctx, s.InForce); err != nil {
		return Outcome{}, err
	}
	o := Outcome{Took: time.Since(begun)}
	key := fmt.Sprintf("story:scene:%d", number)
	if err := p.Load.Count(ctx, key, Connections); err != nil {
		return Outcome{}, fmt.Errorf("the load did not get its connections: %w", err)
	}
	counts, err := load.Shares(ctx, p.Servers[:], key)
	if err != nil {
		return Outcome{}, fmt.Errorf("ask the servers: %w", err)
	}
	o.Counts = [2]int64(counts)
	o.Load = p.Load.Totals().Since(before)
	return o, nil
}

// until waits for a condition on what the API server says.
func (p *Player) until(ctx context.Context, done func(View) bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := p.Stage.View(ctx)
		if err == nil && done(v) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not in force after %s: %w", within, context.Cause(ctx)), err)
		}
	}
}
