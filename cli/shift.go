// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// maxWeight is the greatest weight of a backend.
const maxWeight = 1_000_000

// shiftFlags are the flags of shift.
type shiftFlags struct {
	timeout time.Duration
	wait    bool
	force   bool
	release bool
}

func (p *program) shiftCommand() *cobra.Command {
	var f shiftFlags
	c := &cobra.Command{
		Use:   "shift tcproute/NAME BACKEND=WEIGHT... | --release",
		Short: "Move new connections from one backend of a route to another",
		Long: `Give backends of a TCPRoute other weights, and wait until every proxy deals its
connections out by them. Established connections stay where they are. Backends that
are not named keep their weights.

The weights are written by server-side apply with the field owner kubectl-wye, which
owns them from then on: who applies a manifest with other weights is told so. Weights
that somebody else owns are left alone, and it says whose they are; --force-conflicts
takes them over.

--release gives up what kubectl-wye owns. Weights that the manifest has as well stay
as they are; those that it does not have are 1 from then on.`,
		Example: `  # One new connection in ten to redis2
  kubectl wye shift tcproute/redis redis1=90 redis2=10

  # All of them, in a pipeline that must not wait long
  kubectl wye shift tcproute/redis redis1=0 redis2=1 --timeout 30s

  # The same weights are in the manifest now, which is to own them alone
  kubectl apply --server-side -f redis.yaml && kubectl wye shift tcproute/redis --release`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case f.release && len(args) != 1:
				return usageError{errors.New("with --release, name a TCPRoute and no weights, such as tcproute/redis")}
			case !f.release && len(args) < 2:
				return usageError{errors.New("name a TCPRoute and weights, such as tcproute/redis redis1=90 redis2=10")}
			}
			return nil
		},
		RunE:              func(c *cobra.Command, args []string) error { return p.shift(c.Context(), f, args) },
		ValidArgsFunction: p.completeShift,
	}
	c.Flags().DurationVar(&f.timeout, "timeout", time.Minute, "how long to wait for the proxies")
	c.Flags().BoolVar(&f.wait, "wait", true, "wait until every proxy has the weights")
	c.Flags().BoolVar(&f.force, "force-conflicts", false, "take over weights that somebody else owns")
	c.Flags().BoolVar(&f.release, "release", false, "give up the weights that earlier shifts own")
	c.MarkFlagsMutuallyExclusive("release", "force-conflicts")
	return c
}

func (p *program) shift(ctx context.Context, f shiftFlags, args []string) error {
	// 1. What is asked for.
	name, err := objectName("tcproute", args[0])
	if err != nil {
		return err
	}
	asked, err := parseWeights(args[1:])
	if err != nil {
		return err
	}
	// 2. The route.
	c, err := p.connect()
	if err != nil {
		return err
	}
	var r v1alpha1.TCPRoute
	if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &r); err != nil {
		return err
	}
	// 3. The weights.
	var generation int64
	if f.release {
		generation, err = c.releaseWeights(ctx, &r)
	} else if err = shiftable(&r, asked); err == nil {
		generation, err = c.applyWeights(ctx, &r, asked, f.force)
	}
	if err != nil {
		return err
	}
	// 4. The proxies.
	if !f.wait {
		fmt.Fprintf(p.Out, "tcproute/%s is to be shifted\n", name)
		return nil
	}
	return p.awaitShift(ctx, c, name, generation, f.timeout)
}

// parseWeights reads BACKEND=WEIGHT arguments.
func parseWeights(args []string) (map[string]int32, error) {
	weights := map[string]int32{}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		weight, err := strconv.ParseInt(text, 10, 32)
		if !ok || name == "" || err != nil || weight < 0 || weight > maxWeight {
			return nil, usageError{fmt.Errorf("%q is not BACKEND=WEIGHT with a whole number from 0 to %d, such as redis1=90", arg, maxWeight)}
		}
		if _, twice := weights[name]; twice {
			return nil, usageError{fmt.Errorf("%s is there twice", name)}
		}
		weights[name] = int32(weight)
	}
	return weights, nil
}

// shiftable finds out whether a route has the backends, and a use for the weights.
func shiftable(r *v1alpha1.TCPRoute, asked map[string]int32) error {
	arms := r.Spec.Arms()
	if len(arms) == 0 {
		return fmt.Errorf("tcproute/%s goes to a name, %s: the weights are in the rules; change them there, as in kubectl wye dtab --help", r.Name, destination(r))
	}
	var names, unknown []string
	total := int64(0)
	for _, b := range arms {
		names = append(names, b.Name)
		weight, ok := asked[b.Name]
		if !ok {
			weight = weightOf(b)
		}
		total += int64(weight)
	}
	for name := range asked {
		if !slices.Contains(names, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("tcproute/%s has no backend %s; it has %s", r.Name, strings.Join(unknown, ", "), strings.Join(names, ", "))
	case total == 0:
		return fmt.Errorf("all weights of tcproute/%s would be zero, and every connection refused; give one a weight above zero", r.Name)
	}
	return nil
}

func weightOf(b v1alpha1.Backend) int32 {
	if b.Weight == nil {
		return 1
	}
	return *b.Weight
}

// awaitShift waits until the proxies serve a generation of a route, and tells how
// far they are.
func (p *program) awaitShift(ctx context.Context, c cluster, name string, generation int64, timeout time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	progress := newProgress(p.ErrOut)
	last, split := "nothing is known of the proxies", ""
	err := c.follow(waiting, name, func(event apiwatch.EventType, r *v1alpha1.TCPRoute) error {
		if event == apiwatch.Deleted {
			return fmt.Errorf("tcproute/%s was deleted", name)
		}
		last, split = convergence(r), r.Status.Split
		progress.show("tcproute/" + name + ": " + last)
		done, err := programmed(r, generation)
		if done {
			err = errEnough
		}
		return err
	})
	progress.end()
	switch {
	case err == nil:
		fmt.Fprintf(p.Out, "tcproute/%s shifted: %s\n", name, split)
		return nil
	case waiting.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("tcproute/%s has the weights, but after %v: %s", name, timeout, last)
	}
	return err
}

// programmed tells whether every proxy serves a generation of a route. The error
// says that none will, as it is.
func programmed(r *v1alpha1.TCPRoute, generation int64) (bool, error) {
	if r.Status.ObservedGeneration < generation {
		return false, nil
	}
	for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionProgrammed} {
		condition := meta.FindStatusCondition(r.Status.Conditions, kind)
		switch {
		case condition == nil || condition.ObservedGeneration < generation:
			return false, nil
		case condition.Status == "True":
		case kind == v1alpha1.ConditionAccepted && condition.Status == "False", condition.Reason == v1alpha1.ReasonRefused:
			return false, fmt.Errorf("tcproute/%s has the weights, but %s: %s", r.Name, condition.Reason, condition.Message)
		default:
			return false, nil
		}
	}
	return true, nil
}

// completeShift completes the route, then its backends.
func (p *program) completeShift(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return p.completeObjects("tcproute")(c, args, typed)
	}
	name, err := objectName("tcproute", args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cluster, err := p.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	routes, err := cluster.routes(c.Context(), name)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, b := range routes[0].Spec.Arms() {
		names = append(names, b.Name+"=")
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
