// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/cli/tables"
)

// spellings are the ways to write a kind on the command line, as kubectl has them.
var spellings = map[string][]string{
	"dtab":     {"dtab", "dtabs", "dt", "dtab.wye.dev", "dtabs.wye.dev"},
	"tcproute": {"tcproute", "tcproutes", "wtr", "tcproute.wye.dev", "tcproutes.wye.dev"},
}

// objectName is the name in KIND/NAME, or in NAME alone.
func objectName(kind, text string) (string, error) {
	written, name, ok := strings.Cut(text, "/")
	if !ok {
		written, name = kind, text
	}
	for _, spelling := range spellings[kind] {
		if strings.EqualFold(written, spelling) && name != "" && !strings.Contains(name, "/") {
			return name, nil
		}
	}
	return "", usageError{fmt.Errorf("%q is not the name of a %s, such as %s/NAME", text, kind, kind)}
}

// completeObjects completes the first argument with the objects of a kind.
func (p *program) completeObjects(kind string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cluster, err := p.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := cluster.names(c.Context(), kind)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// names are the objects of a kind in the user's namespace, as KIND/NAME.
func (c cluster) names(ctx context.Context, kind string) ([]string, error) {
	var names []string
	if kind == "dtab" {
		found, err := clusterTables{c}.List(ctx)
		for _, name := range found {
			names = append(names, "dtab/"+name)
		}
		return names, err
	}
	var list v1alpha1.TCPRouteList
	err := c.List(ctx, &list, client.InNamespace(c.namespace))
	for _, r := range list.Items {
		names = append(names, "tcproute/"+r.Name)
	}
	return names, err
}

// table is the table of a Dtab.
func (c cluster) table(ctx context.Context, name string) (*tables.Table, error) {
	d, err := clusterTables{c}.get(ctx, name)
	if err != nil {
		return nil, err
	}
	return tableOf(d), nil
}

// tableOf is the table that a Dtab holds.
func tableOf(d *v1alpha1.Dtab) *tables.Table {
	rules := make([]tables.Rule, 0, len(d.Spec.Dentries))
	for _, e := range d.Spec.Dentries {
		rules = append(rules, tables.Rule{Prefix: e.Prefix, Dst: e.Dst})
	}
	t := tables.Of(rules, func(i int) string { return fmt.Sprintf("spec.dentries[%d]", i) })
	t.Name, t.Namespace = d.Name, d.Namespace
	return t
}
