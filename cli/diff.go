// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/cli/explain"
	"github.com/wye-dev/wye/cli/tables"
	"github.com/wye-dev/wye/cli/world"
	"github.com/wye-dev/wye/controllers/translate"
	"github.com/wye-dev/wye/controllers/watch"
	"github.com/wye-dev/wye/dtab"
)

// diffFlags are the flags of diff.
type diffFlags struct {
	file, against string
	names         []string
	missing       []string
	output        string
}

// comparison is one table, as it is and as it would be, and the names to look at.
type comparison struct {
	table         string
	before, after dtab.Dtab
	names         []usedName
	world         explain.World
}

// usedName is a name and who uses it.
type usedName struct {
	path dtab.Path
	by   []string // such as tcproute/redis; none if it is just a name to look at
}

// tableChange is what changes for one name.
type tableChange struct {
	Table string `json:"table"`
	explain.Change
	UsedBy []string `json:"usedBy,omitempty"`
}

func (p *program) diffCommand() *cobra.Command {
	var f diffFlags
	c := &cobra.Command{
		Use:   "diff [dtab/NAME] -f FILE [--against FILE]",
		Short: "Tell which names a table would send elsewhere, and how much of their traffic",
		Long: `Tell what would change if the tables of a file were applied: which names that are
in use would go elsewhere, and how much of their traffic.

Names in use are those of the TCPRoutes that are bound through the table, or those
of --names. Where there are none, and with --against, which compares two files
with no cluster, they are the prefixes of the rules.

The exit status is 0 if nothing changes, 1 if something does, 2 on an error, so
that it can stand guard in a pipeline.`,
		Example: `  # What would kubectl apply do to the traffic?
  kubectl wye diff -f default.yaml

  # A table as text says nothing of its name
  kubectl wye diff dtab/default -f default.dtab

  # Two files, with no cluster
  kubectl wye diff -f new.dtab --against old.dtab --names /svc/redis,/svc/web`,
		Annotations:       map[string]string{statusOfFailure: "2"},
		Args:              cobra.ArbitraryArgs,
		RunE:              func(c *cobra.Command, args []string) error { return p.diff(c.Context(), f, args) },
		ValidArgsFunction: p.completeObjects("dtab"),
	}
	flags := c.Flags()
	flags.StringVarP(&f.file, "filename", "f", "", "file with the tables as they would be")
	flags.StringVar(&f.against, "against", "", "file with the tables as they are, rather than the cluster")
	flags.StringSliceVar(&f.names, "names", nil, "names to look at, rather than those in use")
	flags.StringSliceVar(&f.missing, "missing", nil, "concrete names to take as not existing, with all below them")
	flags.StringVarP(&f.output, "output", "o", "text", "text or json")
	return c
}

func (p *program) diff(ctx context.Context, f diffFlags, args []string) error {
	comparisons, err := p.comparisons(ctx, f, args)
	if err != nil {
		return err
	}
	changes, looked := []tableChange{}, 0
	for _, c := range comparisons {
		looked += len(c.names)
		changes = append(changes, c.changes()...)
	}
	if f.output == "json" {
		err = p.printIndented(changes)
	} else {
		p.printChanges(changes, looked)
	}
	if err == nil && len(changes) > 0 {
		err = exitStatus(1)
	}
	return err
}

// comparisons reads what is to be compared: each table of the file.
func (p *program) comparisons(ctx context.Context, f diffFlags, args []string) ([]comparison, error) {
	if err := textOrJSON(f.output); err != nil {
		return nil, err
	}
	if f.file == "" || len(args) > 1 {
		return nil, usageError{errors.New("name one file with -f, and at most one table")}
	}
	asked := ""
	if len(args) == 1 {
		var err error
		if asked, err = objectName("dtab", args[0]); err != nil {
			return nil, err
		}
	}
	wanted, err := p.tablesOfFile(f.file)
	if err != nil {
		return nil, err
	}
	if asked != "" {
		one, err := tables.Find(f.file, wanted, asked)
		if err != nil {
			return nil, err
		}
		wanted = []*tables.Table{one}
	}
	before, err := p.source(ctx, f)
	if err != nil {
		return nil, err
	}
	var all []comparison
	for _, t := range wanted {
		c, err := before.compare(ctx, f, t, asked)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// source is where the tables are that a file is compared with: a cluster, or
// another file.
type source struct {
	cluster *cluster
	file    string
	found   []*tables.Table
	world   explain.World
}

func (p *program) source(ctx context.Context, f diffFlags) (source, error) {
	missing, err := parsePaths(f.missing)
	if err != nil {
		return source{}, err
	}
	if f.against != "" {
		found, err := p.tablesOfFile(f.against)
		return source{file: f.against, found: found, world: world.Assumed{Missing: missing}}, err
	}
	c, err := p.connect()
	if err != nil {
		return source{}, fmt.Errorf("%w; or compare with a file by --against", err)
	}
	return source{cluster: &c, world: world.NewCluster(ctx, c, missing)}, nil
}

// compare finds the other form of a table, and the names to look at.
func (s source) compare(ctx context.Context, f diffFlags, wanted *tables.Table, asked string) (comparison, error) {
	c := comparison{world: s.world}
	var err error
	if c.after, err = wanted.Dtab(); err != nil {
		return c, err
	}
	name := wanted.Name
	if name == "" {
		name = asked
	}
	if s.cluster != nil {
		err = s.compareCluster(ctx, &c, name, wanted.Namespace)
	} else {
		err = s.compareFile(&c, name)
	}
	switch {
	case err != nil:
		return c, err
	case len(f.names) > 0:
		paths, err := parsePaths(f.names)
		c.names = unused(paths)
		return c, err
	case len(c.names) == 0:
		c.names = unused(prefixes(c.before, c.after))
	}
	return c, nil
}

func (s source) compareFile(c *comparison, name string) error {
	current, err := tables.Find(s.file, s.found, name)
	if err != nil {
		return err
	}
	c.table = s.file
	if name != "" {
		c.table = "dtab/" + name
	}
	c.before, err = current.Dtab()
	return err
}

// compareCluster compares with a Dtab of the cluster; one that is not there is an
// empty table.
func (s source) compareCluster(ctx context.Context, c *comparison, name, namespace string) error {
	if name == "" {
		return usageError{errors.New("the file does not say which Dtab it is; name it, such as dtab/default")}
	}
	in := *s.cluster
	if namespace != "" {
		in.namespace = namespace
	}
	c.table = "dtab/" + name
	current, err := in.table(ctx, name)
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return err
	default:
		if c.before, err = current.Dtab(); err != nil {
			return fmt.Errorf("dtab/%s as it is: %w", name, err)
		}
	}
	c.names, err = in.used(ctx, name)
	return err
}

// used are the names that are bound through a table, by the TCPRoutes of its namespace.
func (c cluster) used(ctx context.Context, table string) ([]usedName, error) {
	var list v1alpha1.TCPRouteList
	if err := c.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
		return nil, err
	}
	var names []usedName
	for i := range list.Items {
		r := &list.Items[i]
		if watch.DtabOf(r).Name != table {
			continue
		}
		texts := []string{r.Spec.Dst}
		for _, b := range r.Spec.Backends {
			texts = append(texts, b.Dst)
		}
		for _, text := range texts {
			if path, err := dtab.ParsePath(text); err == nil { // the status of the route tells it otherwise
				names = use(names, path, "tcproute/"+r.Name)
			}
		}
	}
	return names, nil
}

// use notes who uses a name.
func use(names []usedName, path dtab.Path, by string) []usedName {
	for i := range names {
		if names[i].path.Equal(path) {
			if !slices.Contains(names[i].by, by) {
				names[i].by = append(names[i].by, by)
			}
			return names
		}
	}
	return append(names, usedName{path: path, by: []string{by}})
}

// prefixes are the names that the rules of two tables are for, without wildcards.
func prefixes(a, b dtab.Dtab) []dtab.Path {
	var paths []dtab.Path
	for _, e := range slices.Concat(a, b) {
		path := dtab.Path(e.Prefix)
		if len(path) > 0 && !slices.Contains(path, "") && !slices.ContainsFunc(paths, path.Equal) {
			paths = append(paths, path)
		}
	}
	return paths
}

// unused are names to look at that nobody is known to use.
func unused(paths []dtab.Path) []usedName {
	names := make([]usedName, len(paths))
	for i, path := range paths {
		names[i] = usedName{path: path}
	}
	return names
}

// changes are the names of which some traffic would go elsewhere.
func (c comparison) changes() []tableChange {
	var changes []tableChange
	for _, name := range c.names {
		account := func(d dtab.Dtab) explain.Account {
			return explain.Explain(explain.Question{Name: name.path, Dtab: d, Places: make([]string, len(d)), World: c.world})
		}
		if change := explain.Compare(account(c.before), account(c.after)); change.Moves > 0 {
			changes = append(changes, tableChange{Table: c.table, Change: change, UsedBy: name.by})
		}
	}
	return changes
}

func (p *program) printChanges(changes []tableChange, looked int) {
	for _, c := range changes {
		by := ""
		if len(c.UsedBy) > 0 {
			by = ", used by " + strings.Join(c.UsedBy, ", ")
		}
		fmt.Fprintf(p.Out, "%s by %s%s: %s of the traffic moves\n", c.Name, c.Table, by, inPercent(c.Moves))
		columns := tabwriter.NewWriter(p.Out, 0, 0, 3, ' ', 0)
		for _, r := range c.Rows {
			fmt.Fprintf(columns, "  %s\t%s -> %s\n", r.Name, inPercent(r.Before), inPercent(r.After))
		}
		columns.Flush()
		fmt.Fprintln(p.Out)
	}
	fmt.Fprintf(p.Out, "%d of %d names change.\n", len(changes), looked)
}

func inPercent(share float64) string { return translate.Percentages([]float64{share, 1 - share})[0] }
