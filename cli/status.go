// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/watch"
)

// Outputs of status.
const (
	outputText = "text"
	outputJSON = "json"
)

// statusFlags are the flags of status.
type statusFlags struct {
	follow              bool
	output              string
	controllerNamespace string
	controllerURL       string
}

func (p *program) statusCommand() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use:   "status [tcproute/NAME]",
		Short: "Show where routes send their connections, and which proxies do so",
		Long: `Show the arms of TCPRoutes: the share of new connections that each is to get, and
what its connections really do; how many proxies serve the newest form, and which
do not yet; and what is wrong, if anything is.

DESIRED is the share that the proxies are told. They deal connections out exactly,
so that after any number of connections each arm is within one of its share on each
proxy. OBSERVED is the share of the connections that were OPENED, that is reached
an endpoint of the arm, since each proxy put the newest form of the route in force:
a change of weights begins it anew. An arm that nobody can reach falls behind its
share. OPEN is how many connections the arm has now, old ones among them. Where the
route has a migration, STALE is how many of these it is to end. Endpoints that failed
and are out are told below the table.

The proxies are asked anew each time, by the leading controller. It is reached by a
port-forward to its pod, which takes permission to get the lease wye-controller and
to create pods/portforward in its namespace; or at --controller-url. Without either,
the rest is shown. Proxies that do not answer within a second are named.`,
		Example: `  kubectl wye status
  kubectl wye status tcproute/redis

  # Again whenever something changes; the proxies are asked every two seconds
  kubectl wye status tcproute/redis -w

  # The observed share of an arm, for a script
  kubectl wye status tcproute/redis -o json | jq -r '.routes[0].arms[] | select(.name == "redis2") | .observed'

  # A controller that runs outside the cluster
  kubectl wye status --controller-url http://127.0.0.1:4191`,
		Args:              func(_ *cobra.Command, args []string) error { return f.check(args) },
		RunE:              func(c *cobra.Command, args []string) error { return p.status(c.Context(), args, f) },
		ValidArgsFunction: p.completeObjects("tcproute"),
	}
	flags := c.Flags()
	flags.BoolVarP(&f.follow, "watch", "w", false, "show it again whenever something changes")
	flags.StringVarP(&f.output, "output", "o", outputText, "text or json; with -w, one line of JSON for each change of a route")
	flags.StringVar(&f.controllerNamespace, "controller-namespace", "wye-system", "namespace of Wye's controllers")
	flags.StringVar(&f.controllerURL, "controller-url", "", "URL of the controller's --inspect-bind-address, rather than a port-forward")
	return c
}

func (f statusFlags) check(args []string) error {
	switch {
	case len(args) > 1:
		return usageError{errors.New("name one TCPRoute, or none for all of the namespace")}
	case f.output != outputText && f.output != outputJSON:
		return usageError{fmt.Errorf("unknown output %q: text or json", f.output)}
	}
	return nil
}

func (p *program) status(ctx context.Context, args []string, f statusFlags) error {
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
	o := newObserver(f, c)
	defer o.close()
	if f.follow {
		return p.followStatus(ctx, c, f, o, name)
	}
	if len(routes) == 0 {
		fmt.Fprintf(p.ErrOut, "There are no TCPRoutes in namespace %s.\n", c.namespace)
		return p.showRoutes(nil, f.output)
	}
	seen := o.look(ctx, name)
	fmt.Fprint(p.ErrOut, notObserved(seen))
	views := make([]*routeView, 0, len(routes))
	for i := range routes {
		views = append(views, viewOf(&routes[i], seen))
	}
	return p.showRoutes(views, f.output)
}

// notObserved is a line that says why nothing was observed, empty when something was.
func notObserved(seen sighting) string {
	if seen.err == nil {
		return ""
	}
	return fmt.Sprintf("No observed shares: %v\n", seen.err)
}

// showRoutes shows all routes once.
func (p *program) showRoutes(views []*routeView, output string) error {
	if output == outputJSON {
		out := json.NewEncoder(p.Out)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(struct {
			Routes []*routeView `json:"routes"`
		}{append([]*routeView{}, views...)})
	}
	for i, v := range views {
		if i > 0 {
			fmt.Fprintln(p.Out)
		}
		fmt.Fprint(p.Out, v)
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

func destination(r *v1alpha1.TCPRoute) string {
	if len(r.Spec.Arms()) > 0 {
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
