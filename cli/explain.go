// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wye-dev/wye/cli/explain"
	"github.com/wye-dev/wye/cli/tables"
	"github.com/wye-dev/wye/cli/world"
	"github.com/wye-dev/wye/dtab"
)

// explainFlags are the flags of explain.
type explainFlags struct {
	file    string
	missing []string
	output  string
	all     bool
}

func (p *program) explainCommand() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain (dtab/NAME | -f FILE) PATH",
		Short: "Tell where a name leads, by which rules, and with what share of the traffic",
		Long: `Tell where a name leads: the rules for it in the order in which they are tried,
with the place of each; the weights on the way; what is at each end; and the
share of the traffic that each destination gets.

With -f nothing is asked of a cluster: concrete names are taken to exist, but for
those of --missing. FILE is a table as text or a Dtab in YAML or JSON; - is the
standard input.`,
		Example: `  # By a table of the cluster
  kubectl wye explain dtab/default /svc/redis

  # What if redis2 were away?
  kubectl wye explain dtab/default /svc/redis --missing /#/io.l5d.k8s/default/redis/redis2

  # By a file, with no cluster, and as a picture
  kubectl wye explain -f default.dtab /svc/redis
  kubectl wye explain -f default.dtab /svc/redis -o dot | dot -Tsvg > redis.svg`,
		Args:              func(_ *cobra.Command, args []string) error { return f.check(args) },
		RunE:              func(c *cobra.Command, args []string) error { return p.explain(c.Context(), f, args) },
		ValidArgsFunction: p.completeObjects("dtab"),
	}
	flags := c.Flags()
	flags.StringVarP(&f.file, "filename", "f", "", "file with the table, rather than the cluster")
	flags.StringSliceVar(&f.missing, "missing", nil, "concrete names to take as not existing, with all below them")
	flags.StringVarP(&f.output, "output", "o", "text", "text, json or dot")
	flags.BoolVar(&f.all, "all", false, "show what is not tried to its end")
	return c
}

func (f explainFlags) check(args []string) error {
	switch {
	case f.output != "text" && f.output != "json" && f.output != "dot":
		return usageError{fmt.Errorf("unknown output %q: text, json or dot", f.output)}
	case f.file == "" && len(args) != 2:
		return usageError{errors.New("name a table and a path, such as dtab/default /svc/redis; or a file with -f")}
	case len(args) < 1 || len(args) > 2:
		return usageError{errors.New("name one path, such as /svc/redis")}
	}
	return nil
}

func (p *program) explain(ctx context.Context, f explainFlags, args []string) error {
	name, err := parsePath(args[len(args)-1])
	if err != nil {
		return err
	}
	missing, err := parsePaths(f.missing)
	if err != nil {
		return err
	}
	asked := ""
	if len(args) == 2 {
		if asked, err = objectName("dtab", args[0]); err != nil {
			return err
		}
	}
	q := explain.Question{Name: name}
	var table *tables.Table
	if f.file != "" {
		q.World = world.Assumed{Missing: missing}
		table, q.Table, err = p.tableOfFile(f.file, asked)
	} else {
		var c cluster
		if c, err = p.connect(); err != nil {
			return err
		}
		q.World = world.NewCluster(ctx, c, missing)
		q.Table = "dtab/" + asked
		table, err = c.table(ctx, asked)
	}
	if err != nil {
		return err
	}
	if q.Dtab, err = table.Dtab(); err != nil {
		return err
	}
	q.Places = table.Places()
	return p.show(f, explain.Explain(q))
}

func (p *program) show(f explainFlags, a explain.Account) error {
	switch f.output {
	case "json":
		return p.printIndented(a)
	case "dot":
		a.Dot(p.Out)
	default:
		a.Text(p.Out, f.all)
	}
	return nil
}

// tableOfFile reads one table of a file; called is what to call it.
func (p *program) tableOfFile(file, name string) (table *tables.Table, called string, err error) {
	found, err := p.tablesOfFile(file)
	if err != nil {
		return nil, "", err
	}
	table, err = tables.Find(file, found, name)
	if err != nil {
		return nil, "", err
	}
	if table.Name != "" {
		return table, "dtab/" + table.Name + " in " + file, nil
	}
	return table, file, nil
}

func (p *program) tablesOfFile(file string) ([]*tables.Table, error) {
	text, err := p.readFile(file)
	if err != nil {
		return nil, err
	}
	if file == "-" {
		file = "stdin"
	}
	return tables.Read(file, text)
}

func (p *program) printIndented(value any) error {
	encoder := json.NewEncoder(p.Out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// parsePath reads a name on the command line.
func parsePath(text string) (dtab.Path, error) {
	path, err := dtab.ParsePath(text)
	if err != nil {
		return nil, usageError{fmt.Errorf("%q is not a path such as /svc/redis: %w", text, err)}
	}
	return path, nil
}

func parsePaths(texts []string) ([]dtab.Path, error) {
	var paths []dtab.Path
	for _, text := range texts {
		path, err := parsePath(text)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
