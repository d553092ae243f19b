// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

const (
	perStep    = 1000             // new connections counted in each step
	stepWithin = 30 * time.Second // for a step to be in force, and again for its connections
	proxies    = 3
)

// scene is one step of the story.
type scene struct {
	title string
	file  string                     // to apply, or
	act   func(*stage) error         // what to do instead
	want  [2]float64                 // shares of redis1 and redis2, of 1
	done  func(redisesOf *view) bool // whether the change is in force
}

// view is what the API server says.
type view struct {
	route v1alpha1.TCPRoute
	table v1alpha1.Dtab
}

// scenes are the two articles' stories.
func scenes() []scene {
	table := func(title, file string, redis1, redis2 float64) scene {
		return scene{title: title, file: file, want: [2]float64{redis1, redis2}, done: tableInForce}
	}
	return []scene{
		table("all to redis1", "01-redis1.yaml", 1, 0),
		table("99:1", "02-canary.yaml", 0.99, 0.01),
		table("3:1", "03-quarter.yaml", 0.75, 0.25),
		table("all to redis2", "04-redis2.yaml", 0, 1),
		table("prefer redis2, fall back", "05-fallback.yaml", 0, 1),
		{
			title: "redis2 is taken away", want: [2]float64{1, 0}, done: splitInForce("redis1=100%"),
			act: func(s *stage) error { return s.withdraw(s.servers[1]) },
		},
		{
			title: "redis2 comes back", want: [2]float64{0, 1}, done: splitInForce("redis2=100%"),
			act: func(s *stage) error { return s.announce(s.servers[1]) },
		},
	}
}

// tableInForce: every proxy serves the table as it was applied last.
func tableInForce(v *view) bool {
	c := meta.FindStatusCondition(v.table.Status.Conditions, v1alpha1.ConditionProgrammed)
	return c != nil && c.Status == "True" && c.ObservedGeneration == v.table.Generation &&
		v.table.Status.Proxies.Total == proxies && v.table.Status.Proxies.Converged == proxies
}

// splitInForce: every proxy serves that split.
func splitInForce(split string) func(*view) bool {
	return func(v *view) bool {
		return v.route.Status.Split == split && v.route.Status.Proxies.Converged == proxies &&
			v.route.Status.Proxies.Total == proxies
	}
}

// outcome is what a scene came to.
type outcome struct {
	counts        []int64
	failed, reset int64 // during the scene
	took          time.Duration
}

// play runs the scenes, and fails unless every share was exact and no command failed.
func (s *stage) play(ctx context.Context) error {
	l := startLoad(ctx, entrance)
	defer l.stop()
	fmt.Printf("\n%d connections stay open throughout; %d new ones a second, one command each.\n", steadyConnections, freshPerSecond)
	var wrong []string
	for i, scene := range scenes() {
		o, err := s.perform(ctx, l, i, scene)
		if err != nil {
			return fmt.Errorf("%s: %w (logs are in %s)", scene.title, err, s.dir)
		}
		s.show(ctx, scene, o)
		wrong = append(wrong, mistakes(scene, o)...)
	}
	if first := l.failure.Load(); first != nil {
		wrong = append(wrong, fmt.Sprintf("the first failure was: %s", first))
	}
	if len(wrong) > 0 {
		return errors.New("not as it should be:\n  " + strings.Join(wrong, "\n  "))
	}
	fmt.Printf("\nEvery share was exact. %d commands went over the connections that stayed open; none failed, nothing was reset.\n", l.steady.Load())
	return nil
}

// perform makes one change, waits until it is in force and counts where new connections go.
func (s *stage) perform(ctx context.Context, l *load, number int, scene scene) (outcome, error) {
	failed, resets := l.failed.Load(), l.resets.Load()
	ctx, cancel := context.WithTimeout(ctx, 2*stepWithin)
	defer cancel()
	begun := time.Now()
	if err := s.change(ctx, scene); err != nil {
		return outcome{}, err
	}
	if err := s.until(ctx, scene.done); err != nil {
		return outcome{}, err
	}
	took := time.Since(begun)

	step := newStep(fmt.Sprintf("demo:step:%d", number), perStep)
	l.step.Store(step)
	defer l.step.Store(newStep("demo:between", math.MaxInt64))
	select {
	case <-step.done:
	case <-ctx.Done():
		return outcome{}, errors.New("the load did not get its connections")
	}
	counts, err := counted(ctx, s.servers, step.key)
	return outcome{counts: counts, took: took, failed: l.failed.Load() - failed, reset: l.resets.Load() - resets}, err
}

func (s *stage) change(ctx context.Context, scene scene) error {
	if scene.act != nil {
		fmt.Printf("\n▶ %s\n", scene.title)
		return scene.act(s)
	}
	file := filepath.Join(manifests, scene.file)
	fmt.Printf("\n▶ %s: kubectl apply -f %s\n", scene.title, file)
	_, err := s.kubectl(ctx, "apply", "-f", file)
	return err
}

// until waits for a condition on what the API server says.
func (s *stage) until(ctx context.Context, done func(*view) bool) error {
	ctx, cancel := context.WithTimeout(ctx, stepWithin)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var v view
		err := errors.Join(
			s.client.Get(ctx, client.ObjectKey{Namespace: "default", Name: "redis"}, &v.route),
			s.client.Get(ctx, client.ObjectKey{Namespace: "default", Name: "default"}, &v.table))
		if err == nil && done(&v) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("wye-controller ended: %w", err)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not in force after %s: %w", stepWithin, ctx.Err()), err)
		}
	}
}

// mistakes compares an outcome with what was asked for. Each proxy is exact to
// within one connection at any moment; a step begins and ends at some moment, so
// a count may be off by two for each proxy, however many connections there were.
func mistakes(scene scene, o outcome) []string {
	var wrong []string
	var sum int64
	for i, n := range o.counts {
		sum += n
		want := scene.want[i] * perStep
		if off := math.Abs(float64(n) - want); off > 2*proxies || (scene.want[i] == 0 && n != 0) {
			wrong = append(wrong, fmt.Sprintf("%s: redis%d got %d connections instead of %.0f", scene.title, i+1, n, want))
		}
	}
	if sum != perStep {
		wrong = append(wrong, fmt.Sprintf("%s: the servers counted %d connections instead of %d", scene.title, sum, perStep))
	}
	if o.failed > 0 || o.reset > 0 {
		wrong = append(wrong, fmt.Sprintf("%s: %d commands failed, %d connections were reset", scene.title, o.failed, o.reset))
	}
	return wrong
}

// show prints one scene's table and what a user would see.
func (s *stage) show(ctx context.Context, scene scene, o outcome) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\tDESIRED\tCOUNTED BY REDIS\tFAILED COMMANDS\tRESET CONNECTIONS\tIN FORCE ON ALL PROXIES AFTER")
	fmt.Fprintf(w, "redis1\t%s\t%s\t%d\t%d\t%s\n", percent(scene.want[0]), share(o.counts, 0), o.failed, o.reset, o.took.Round(time.Millisecond))
	fmt.Fprintf(w, "redis2\t%s\t%s\t\t\t\n", percent(scene.want[1]), share(o.counts, 1))
	w.Flush()
	if out, err := s.kubectl(ctx, "get", "dtab,tcproute.wye.dev,proxyfleet"); err == nil {
		fmt.Printf("\n$ kubectl get dtab,tcproute,proxyfleet\n%s", out)
	}
}

func percent(share float64) string { return fmt.Sprintf("%.4g%%", share*100) }

func share(counts []int64, i int) string {
	return fmt.Sprintf("%s (%d of %d)", percent(float64(counts[i])/perStep), counts[i], perStep)
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
  kubectl edit dtab default                           # whatever you like
  rm %s/redis2     # a name that ceases to exist

redis1 is at %s, redis2 at %s. Logs are in %s.
Press Ctrl-C to stop it all.
`, entrance, s.kube.Kubeconfig, manifests, s.disco(), s.servers[0].address, s.servers[1].address, s.dir)
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.exited:
		s.exited <- err
		return fmt.Errorf("wye-controller ended: %w", err)
	}
}
