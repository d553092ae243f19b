// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wye-dev/wye/cli/tables"
	"github.com/wye-dev/wye/dtab/lint"
)

// finding is a lint.Finding with its place.
type finding struct {
	Table string `json:"table"`
	Place string `json:"place"`
	lint.Finding
}

func (p *program) lintCommand() *cobra.Command {
	var file, output string
	c := &cobra.Command{
		Use:   "lint (dtab/NAME | -f FILE)",
		Short: "Find what does not parse, or is hardly meant, in a table",
		Long: `Find what is wrong in a table: texts that do not parse, with line, column and a
mend; loops; rules that a later one shadows; dead ends; alternatives that are
never tried; weights that sum to nothing.

The exit status is 0 if there is nothing, 1 if there is something, 2 on an error.`,
		Example: `  kubectl wye lint -f default.yaml
  kubectl wye lint dtab/default
  kubectl wye dtab get default | kubectl wye lint -f - -o json`,
		Annotations:       map[string]string{statusOfFailure: "2"},
		Args:              cobra.ArbitraryArgs,
		RunE:              func(c *cobra.Command, args []string) error { return p.lint(c.Context(), file, output, args) },
		ValidArgsFunction: p.completeObjects("dtab"),
	}
	c.Flags().StringVarP(&file, "filename", "f", "", "file with the table, rather than the cluster")
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

func (p *program) lint(ctx context.Context, file, output string, args []string) error {
	if err := textOrJSON(output); err != nil {
		return err
	}
	checked, err := p.lintTables(ctx, file, args)
	if err != nil {
		return err
	}
	findings := []finding{}
	for _, t := range checked {
		findings = append(findings, check(t)...)
	}
	if output == "json" {
		err = p.printIndented(findings)
	} else {
		p.printFindings(findings)
	}
	if err == nil && len(findings) > 0 {
		err = exitStatus(1)
	}
	return err
}

// lintTables are the tables that the user means: those of a file, or of the
// cluster, all or one.
func (p *program) lintTables(ctx context.Context, file string, args []string) ([]*tables.Table, error) {
	name := ""
	switch {
	case len(args) > 1 || len(args) == 0 && file == "":
		return nil, usageError{errors.New("name one table, such as dtab/default, or a file with -f")}
	case len(args) == 1:
		var err error
		if name, err = objectName("dtab", args[0]); err != nil {
			return nil, err
		}
	}
	if file == "" {
		c, err := p.connect()
		if err != nil {
			return nil, err
		}
		t, err := c.table(ctx, name)
		return []*tables.Table{t}, err
	}
	found, err := p.tablesOfFile(file)
	if err != nil || name == "" {
		return found, err
	}
	t, err := tables.Find(file, found, name)
	return []*tables.Table{t}, err
}

// check finds what is wrong with a table. While something does not parse nothing
// else is looked at, as rules depend on each other.
func check(t *tables.Table) []finding {
	name := ""
	if t.Name != "" {
		name = "dtab/" + t.Name
	}
	var findings []finding
	for _, m := range t.Mistakes {
		text := lint.Describe(m.Err)
		if m.Field != "" {
			text = m.Field + ": " + text
		}
		findings = append(findings, finding{name, m.Place, lint.Finding{
			Rule: m.Rule, Kind: lint.Syntax, Message: text, Mend: m.Mend(),
		}})
	}
	d, err := t.Dtab()
	if err != nil {
		return findings // which tell it
	}
	for _, f := range lint.Table(d) {
		f.Message = fmt.Sprintf("%s: %s", d[f.Rule].Prefix, f.Message)
		findings = append(findings, finding{name, t.Rules[f.Rule].Place, f})
	}
	return findings
}

func (p *program) printFindings(findings []finding) {
	if len(findings) == 0 {
		fmt.Fprintln(p.Out, "Nothing found.")
		return
	}
	columns := tabwriter.NewWriter(p.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(columns, "PLACE\tKIND\tFINDING\tMEND")
	for _, f := range findings {
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", f.Place, f.Kind, f.Message, f.Mend)
	}
	columns.Flush()
}

func textOrJSON(output string) error {
	if output != "text" && output != "json" {
		return usageError{fmt.Errorf("unknown output %q: text or json", output)}
	}
	return nil
}
