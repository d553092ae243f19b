// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/watch"
)

func (p *program) statusCommand() *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:   "status [tcproute/NAME]",
		Short: "Show where routes send their connections, and which proxies do so",
		Long: `Show the arms of TCPRoutes, with the share of new connections that each gets and
the endpoints that are ready for them; how many proxies serve the newest form, and
which do not yet; and what is wrong, if anything is.

Shares are those that the proxies are told. They deal connections out exactly, so
that after any number of connections each arm is within one of its share.`,
		Example: `  kubectl wye status
  kubectl wye status tcproute/redis

  # Again whenever something changes
  kubectl wye status tcproute/redis -w`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("name one TCPRoute, or none for all of the namespace")}
			}
			return nil
		},
		RunE:              func(c *cobra.Command, args []string) error { return p.status(c.Context(), args, follow) },
		ValidArgsFunction: p.completeObjects("tcproute"),
	}
	c.Flags().BoolVarP(&follow, "watch", "w", false, "show it again whenever something changes")
	return c
}

func (p *program) status(ctx context.Context, args []string, follow bool) error {
	name := ""
	if len(args) == 1 {
		var err error
		if name, err = objectName("tcproute", args[0]); err != nil {
			return err
		}
	}
	c, err := p.connect()
	if err != nil {
		return err
	}
	routes, err := c.routes(ctx, name)
	if err != nil {
		return err
	}
	if follow {
		return p.followStatus(ctx, c, name)
	}
	if len(routes) == 0 {
		fmt.Fprintf(p.ErrOut, "There are no TCPRoutes in namespace %s.\n", c.namespace)
	}
	for i := range routes {
		if i > 0 {
			fmt.Fprintln(p.Out)
		}
		fmt.Fprint(p.Out, describe(&routes[i]))
	}
	return nil
}

// routes are all TCPRoutes of the user's namespace, or the one with a name.
func (c cluster) routes(ctx context.Context, name string) ([]v1alpha1.TCPRoute, error) {
	if name != "" {
		var r v1alpha1.TCPRoute
		err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &r)
		return []v1alpha1.TCPRoute{r}, err
	}
	var list v1alpha1.TCPRouteList
	err := c.List(ctx, &list, client.InNamespace(c.namespace))
	slices.SortFunc(list.Items, func(a, b v1alpha1.TCPRoute) int { return strings.Compare(a.Name, b.Name) })
	return list.Items, err
}

// followStatus shows a route whenever it looks different from the time before.
func (p *program) followStatus(ctx context.Context, c cluster, name string) error {
	shown := map[string]string{} // route -> what was shown of it last
	err := c.follow(ctx, name, func(event apiwatch.EventType, r *v1alpha1.TCPRoute) error {
		text := describe(r)
		if event == apiwatch.Deleted {
			text = "tcproute/" + r.Name + " was deleted\n"
		}
		if shown[r.Name] == text {
			return nil
		}
		if len(shown) > 0 {
			fmt.Fprintln(p.Out)
		}
		shown[r.Name] = text
		_, err := io.WriteString(p.Out, text)
		return err
	})
	if errors.Is(err, context.Canceled) {
		err = nil // the user has seen enough
	}
	return err
}

// describe is a route for people.
func describe(r *v1alpha1.TCPRoute) string {
	var text strings.Builder
	fmt.Fprintf(&text, "tcproute/%s: %s, port %d of fleet %s\n", r.Name, destination(r), r.Spec.Port, r.Spec.FleetRef.Name)
	if len(r.Status.Arms) > 0 {
		columns := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
		fmt.Fprintln(columns, "  ARM\tSHARE\tWEIGHT\tREADY\tBOUND")
		for _, a := range r.Status.Arms {
			fmt.Fprintf(columns, "  %s\t%s\t%s\t%d\t%s\n", a.Name, a.Share, a.Weight, a.Ready, a.Bound)
		}
		columns.Flush()
	}
	fmt.Fprintf(&text, "  %s\n", convergence(r))
	if ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.Status != "True" {
		fmt.Fprintf(&text, "  Not ready, %s: %s\n", ready.Reason, ready.Message)
	}
	return text.String()
}

func destination(r *v1alpha1.TCPRoute) string {
	if len(r.Spec.Backends) > 0 {
		return "backends by weight"
	}
	return fmt.Sprintf("%s by dtab/%s", r.Spec.Dst, watch.DtabOf(r).Name)
}

// convergence says how many proxies serve a route's newest form, and which do not.
func convergence(r *v1alpha1.TCPRoute) string {
	s := r.Status
	if s.ObservedGeneration < r.Generation {
		return "The controller has not looked at the newest form yet."
	}
	text := fmt.Sprintf("%d of %d proxies serve the newest form", s.Proxies.Converged, s.Proxies.Total)
	if s.Proxies.Rejected > 0 {
		text += fmt.Sprintf(", %d refuse it", s.Proxies.Rejected)
	}
	if len(s.Proxies.Laggards) > 0 {
		text += "; waiting for " + strings.Join(s.Proxies.Laggards, ", ")
		if more := int(s.Proxies.Total-s.Proxies.Converged) - len(s.Proxies.Laggards); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
	}
	return text + "."
}
