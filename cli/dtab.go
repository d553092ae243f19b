// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/wye-dev/wye/cli/namerctl"
)

// dtabFlags are the flags of the dtab commands, which are namerctl's.
type dtabFlags struct {
	settings namerctl.Settings
	json     bool
	pretty   bool
	version  string
}

// store is where the dtab commands read and write: a namerd, or the Dtabs of a
// namespace of the cluster.
type store interface {
	List(ctx context.Context) ([]string, error)
	Get(ctx context.Context, name string) (namerctl.Versioned, error)
	Create(ctx context.Context, name string, in namerctl.Input) error
	Update(ctx context.Context, name string, in namerctl.Input) error
	Delete(ctx context.Context, name string) error
}

func (p *program) dtabCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dtab",
		Short: "Read and write delegation tables, as namerctl does",
		Long: `Read and write delegation tables: namerctl's commands, flags and output.

The tables are the Dtabs of the namespace that kubectl works in, or those of a
namerd, if one is named: by --base-url, by NAMERCTL_BASE_URL, or by the key
base-url in a file .namerctl.EXT (json, toml, yaml, yml, properties, hcl) in the
working directory or the nearest parent that has one, or in the file of --config.
One that asks who you are takes a token with --token, or as a password in the base
URL; --certificate-authority is the file of the CA that it is trusted by.

Speaking to a namerd, errors go to the standard output as well, and the exit
status is 255, as with namerctl.`,
		Example: `  # Move all traffic from redis1 to redis2, in two lines
  kubectl wye dtab get default | sed 's/redis1/redis2/' > default.dtab
  kubectl wye dtab update default default.dtab

  # The same on a namerd
  export NAMERCTL_BASE_URL=http://namerd.example.com:4180
  kubectl wye dtab list`,
	}
	flags := c.PersistentFlags()
	flags.StringVar(&p.dtab.settings.BaseURL, "base-url", "", "namerd location (e.g. http://namerd.example.com:4180)")
	flags.StringVar(&p.dtab.settings.Config, "config", "", "config file")
	flags.BoolVar(&p.dtab.json, "json", false, "print JSON instead of text")
	c.AddCommand(p.dtabList(), p.dtabGet(), p.dtabCreate(), p.dtabUpdate(), p.dtabDelete())
	return c
}

func (p *program) dtabList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List delegation table names",
		Example: "  kubectl wye dtab list\n  kubectl wye dtab ls --json",
		Args:    arguments(0, "list does not take arguments"),
		RunE: p.onStore(func(ctx context.Context, t store, _ []string) error {
			names, err := t.List(ctx)
			if err != nil {
				return err
			}
			if p.dtab.json {
				return p.printJSON(names)
			}
			fmt.Fprintln(p.Out, strings.Join(names, "\n"))
			return nil
		}),
	}
}

func (p *program) dtabGet() *cobra.Command {
	c := &cobra.Command{
		Use:     "get [name]",
		Aliases: []string{"cat"},
		Short:   "Get a delegation table by name",
		Example: "  kubectl wye dtab get default > default.dtab\n  kubectl wye dtab get default --json",
		Args:    arguments(1, "get requires a name argument"),
		RunE: p.onStore(func(ctx context.Context, t store, args []string) error {
			table, err := t.Get(ctx, args[0])
			switch {
			case err != nil:
				return err
			case p.dtab.json:
				return p.printJSON(table)
			case p.dtab.pretty:
				fmt.Fprint(p.Out, table.Pretty())
			default:
				fmt.Fprintln(p.Out, table.Dtab.Line())
			}
			return nil
		}),
		ValidArgsFunction: p.completeTables,
	}
	c.Flags().BoolVar(&p.dtab.pretty, "pretty", true, "pretty-print dtabs")
	return c
}

func (p *program) dtabCreate() *cobra.Command {
	return &cobra.Command{
		Use:     "create [name] [file]",
		Aliases: []string{"new"},
		Short:   "Create a new delegation table.",
		Example: "  kubectl wye dtab create web web.dtab\n  echo '/svc => /#/io.l5d.fs' | kubectl wye dtab create web -",
		Args:    arguments(2, "create requires a name and file path"),
		RunE: p.onStore(func(ctx context.Context, t store, args []string) error {
			in, err := p.dtabInput(args[1])
			if err != nil {
				return err
			}
			if err := t.Create(ctx, args[0], in); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "Created %s\n", args[0])
			return nil
		}),
	}
}

func (p *program) dtabUpdate() *cobra.Command {
	c := &cobra.Command{
		Use:     "update [name] [file]",
		Aliases: []string{"up"},
		Short:   "Update a delegation table.",
		Example: "  kubectl wye dtab update default default.dtab\n  kubectl wye dtab update default default.dtab --version AAAAAAAAAAE=",
		Args:    arguments(2, "update requires a name and file path"),
		RunE: p.onStore(func(ctx context.Context, t store, args []string) error {
			in, err := p.dtabInput(args[1])
			if err != nil {
				return err
			}
			if err := t.Update(ctx, args[0], in); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "Updated %s\n", args[0])
			return nil
		}),
		ValidArgsFunction: p.completeTables,
	}
	c.Flags().StringVar(&p.dtab.version, "version", "", "only perform update if the current version matches")
	return c
}

func (p *program) dtabDelete() *cobra.Command {
	return &cobra.Command{
		Use:     "delete [name]",
		Aliases: []string{"del", "rm"},
		Short:   "Delete a delegation by name.",
		Example: "  kubectl wye dtab delete web",
		Args:    arguments(1, "delete requires one argument"),
		RunE: p.onStore(func(ctx context.Context, t store, args []string) error {
			if err := t.Delete(ctx, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "Deleted %s\n", args[0])
			return nil
		}),
		ValidArgsFunction: p.completeTables,
	}
}

// arguments asks for a number of arguments, in namerctl's words.
func arguments(n int, message string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{errors.New(message)}
		}
		return nil
	}
}

// onStore runs a command where the tables are that the user means.
func (p *program) onStore(run func(context.Context, store, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		t, err := p.store()
		if err != nil {
			return err
		}
		return run(c.Context(), t, args)
	}
}

func (p *program) store() (store, error) {
	base, warning, err := p.dtab.settings.Find(p.Getenv, p.Dir)
	if err != nil {
		return nil, err
	}
	if warning != nil {
		fmt.Fprintln(p.ErrOut, warning)
	}
	if base == "" {
		c, err := p.connect()
		if err != nil {
			return nil, fmt.Errorf("%w; or name a namerd with --base-url", err)
		}
		return clusterTables{c}, nil
	}
	parsed, err := namerctl.ParseBase(base)
	if err != nil {
		return nil, err
	}
	client, err := p.namerdHTTP()
	if err != nil {
		return nil, err
	}
	return &namerctl.Client{Base: parsed, HTTP: client}, nil
}

// namerdHTTP speaks to a namerd by what kubectl's flags say of a server, and by
// nothing that a kubeconfig says: that is for another.
func (p *program) namerdHTTP() (*http.Client, error) {
	shared, err := rest.HTTPClientFor(&rest.Config{
		BearerToken: *p.kube.BearerToken,
		TLSClientConfig: rest.TLSClientConfig{
			CAFile: *p.kube.CAFile, ServerName: *p.kube.TLSServerName, Insecure: *p.kube.Insecure,
		},
	})
	if err != nil {
		return nil, err
	}
	client := *shared
	if *p.kube.BearerToken != "" {
		// Wherever a redirect leads, the token would go along.
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &client, nil
}

// dtabInput reads a table to be sent. - is the standard input.
func (p *program) dtabInput(path string) (namerctl.Input, error) {
	if path == "" {
		return namerctl.Input{}, errors.New("empty dtab path")
	}
	text, err := p.readFile(path)
	if err != nil {
		return namerctl.Input{}, err
	}
	return namerctl.ReadInput(string(text), p.dtab.version)
}

// readFile reads a file, or the standard input if that is -.
func (p *program) readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(p.In)
	}
	return os.ReadFile(path)
}

func (p *program) printJSON(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.Out, string(text))
	return nil
}

// isNamerctl tells whether a command that failed is to fail as namerctl does: a
// dtab command that a namerd was named to.
func (p *program) isNamerctl(c *cobra.Command) bool {
	for ; c != nil; c = c.Parent() {
		if c.Name() == "dtab" && c.HasParent() && !c.Parent().HasParent() {
			base, _, err := p.dtab.settings.Find(p.Getenv, p.Dir)
			return base != "" || err != nil
		}
	}
	return false
}

// failAsNamerctl tells of an error on both streams, with the usage.
func (p *program) failAsNamerctl(c *cobra.Command, err error) int {
	fmt.Fprintln(p.ErrOut, "Error:", err)
	fmt.Fprintln(p.ErrOut, c.UsageString())
	fmt.Fprintln(p.Out, err)
	return 255
}

// completeTables completes the names of tables.
func (p *program) completeTables(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault // a file
	}
	t, err := p.store()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := t.List(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
