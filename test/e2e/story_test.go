//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wye-dev/wye/test/story"
)

// testStory: all of the demo's scenes, through the fleet's Service. Shares are
// exact as the servers count them; no command fails, no connection is lost.
func (w *world) testStory(t *testing.T) {
	player := story.Player{
		Stage:   stage{w, t},
		Load:    w.load(t, perSecondCounted, 0),
		Servers: [2]*redis.Client{w.redis(t, "redis1"), w.redis(t, "redis2")},
	}
	for i, scene := range story.Scenes() {
		o, err := player.Play(t.Context(), i, scene)
		if err != nil {
			t.Fatalf("%s: %v", scene.Title, err)
		}
		t.Logf("%-25s in force on all proxies after %5s; redis1 %d, redis2 %d of %d",
			scene.Title, o.Took.Round(time.Millisecond), o.Counts[0], o.Counts[1], story.Connections)
		for _, mistake := range scene.Mistakes(o) {
			t.Error(mistake)
		}
	}
	player.Load.Stop()
	check(t, "the story", player.Load.Totals(), false)
	w.applyTable(t, toRedis1)
	w.untilConverged(t)
}

// stage has the world play scenes.
type stage struct {
	*world
	t *testing.T
}

// Change implements story.Stage. Without its Service, the name of redis2 is gone;
// its pods go on, and so do the connections to them.
func (s stage) Change(_ context.Context, scene story.Scene) error {
	switch scene.Redis2 {
	case story.Gone:
		s.kubectl(s.t, "delete", "service", "redis2")
	case story.Back:
		s.applyRedis(s.t, "redis2")
	default:
		s.applyTable(s.t, scene.File)
	}
	return nil
}

// View implements story.Stage.
func (s stage) View(context.Context) (story.View, error) { return s.view(s.t), nil }
