// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/test/load"
	"github.com/wye-dev/wye/test/story"
)

const (
	steadyConnections = 50  // open from the first step to the last
	freshWorkers      = 16  // that dial a new connection for each command
	freshPerSecond    = 500 // new connections, all workers together
)

// play plays the story, and fails unless every share was exact and no command failed.
func (s *stage) play(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go s.watchController(ctx, cancel)
	l := load.Start(ctx, load.Options{
		Address: entrance, Steady: steadyConnections, Workers: freshWorkers, PerSecond: freshPerSecond, Key: "demo",
	})
	defer l.Stop()
	fmt.Printf("\n%d connections stay open throughout; %d new ones a second, one command each.\n", steadyConnections, freshPerSecond)

	player := story.Player{Stage: s, Load: l, Servers: [2]*redis.Client{s.servers[0].client, s.servers[1].client}}
	var wrong []string
	for i, scene := range story.Scenes() {
		o, err := player.Play(ctx, i, scene)
		if err != nil {
			return fmt.Errorf("%s: %w (logs are in %s)", scene.Title, err, s.dir)
		}
		s.show(ctx, scene, o)
		wrong = append(wrong, scene.Mistakes(o)...)
	}
	totals := l.Totals()
	if totals.First != nil {
		wrong = append(wrong, fmt.Sprintf("the first failure was: %s", totals.First))
	}
	if len(wrong) > 0 {
		return errors.New("not as it should be:\n  " + strings.Join(wrong, "\n  "))
	}
	fmt.Printf("\nEvery share was exact. %d commands went over the connections that stayed open; none failed, nothing was reset.\n", totals.Steady)
	return nil
}

// watchController ends the story when the controller ends.
func (s *stage) watchController(ctx context.Context, cancel context.CancelCauseFunc) {
	select {
	case err := <-s.exited:
		s.exited <- err
		cancel(fmt.Errorf("wye-controller ended: %w", err))
	case <-ctx.Done():
	}
}

// Change implements story.Stage.
func (s *stage) Change(ctx context.Context, scene story.Scene) error {
	switch scene.Redis2 {
	case story.Gone:
		fmt.Printf("\n▶ %s\n", scene.Title)
		return s.withdraw(s.servers[1])
	case story.Back:
		fmt.Printf("\n▶ %s\n", scene.Title)
		return s.announce(s.servers[1])
	}
	file := filepath.Join(manifests, scene.File)
	fmt.Printf("\n▶ %s: kubectl apply -f %s\n", scene.Title, file)
	_, err := s.kubectl(ctx, "apply", "-f", file)
	return err
}

// View implements story.Stage.
func (s *stage) View(ctx context.Context) (v story.View, err error) {
	err = errors.Join(
		s.client.Get(ctx, client.ObjectKey{Namespace: "default", Name: story.Route}, &v.Route),
		s.client.Get(ctx, client.ObjectKey{Namespace: "default", Name: story.Table}, &v.Table))
	return v, err
}

// show prints one scene's table and what a user would see.
func (s *stage) show(ctx context.Context, scene story.Scene, o story.Outcome) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\tDESIRED\tCOUNTED BY REDIS\tFAILED COMMANDS\tRESET CONNECTIONS\tIN FORCE ON ALL PROXIES AFTER")
	fmt.Fprintf(w, "redis1\t%s\t%s\t%d\t%d\t%s\n", percent(scene.Want[0]), share(o.Counts[0]), o.Load.Failed, o.Load.Lost, o.Took.Round(time.Millisecond))
	fmt.Fprintf(w, "redis2\t%s\t%s\t\t\t\n", percent(scene.Want[1]), share(o.Counts[1]))
	w.Flush()
	if out, err := s.kubectl(ctx, "get", "dtab,tcproute.wye.dev,proxyfleet"); err == nil {
		fmt.Printf("\n$ kubectl get dtab,tcproute,proxyfleet\n%s", out)
	}
}

func percent(share float64) string { return fmt.Sprintf("%.4g%%", share*100) }

func share(count int64) string {
	return fmt.Sprintf("%s (%d of %d)", percent(float64(count)/story.Connections), count, story.Connections)
}

// stay says how to use what runs, and waits.
func (s *stage) stay(ctx context.Context) error {
	fmt.Printf(`
Wye is up: three proxies listen on %s and send everything to redis1.
In another terminal, from here:

  export KUBECONFIG=%s
  kubectl get wye                                     # tables, routes, fleets
  redis-cli -p 7474 incr hello                        # through the proxies
  kubectl apply -f %s/03-quarter.yaml   # a quarter to redis2
  kubectl get tcproute redis -o wide
  bin/kubectl-wye status redis -w --controller-url http://%s   # and what connections do
  kubectl edit dtab default                           # whatever you like
  rm %s/redis2     # a name that ceases to exist

redis1 is at %s, redis2 at %s. Logs are in %s.
Press Ctrl-C to stop it all.
`, entrance, s.kube.Kubeconfig, manifests, s.inspection, s.disco(), s.servers[0].address, s.servers[1].address, s.dir)
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.exited:
		s.exited <- err
		return fmt.Errorf("wye-controller ended: %w", err)
	}
}
