// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/namerd/config"
)

const about = `wye-namerd keeps delegation tables (dtabs), binds names by them, and tells
addresses as they change. It serves namerd's HTTP interface, so namerctl,
linkerd-tcp, wye-proxy and linkerd's io.l5d.namerd.http work with it unchanged.

FILE is namerd's configuration, in YAML or JSON; - is standard input:

  admin:                           # default: 127.0.0.1:9991
    ip: 127.0.0.1
    port: 9991
  storage:
    kind: io.l5d.inMemory          # kept until the process ends
    namespaces:
      default: |
        /cluster    => /#/io.l5d.fs ;
        /svc        => /cluster ;
        /svc/redis  => /cluster/redis1 ;
  namers:
  - kind: io.l5d.fs                # each file has lines of HOST PORT
    rootDir: disco
  - kind: io.l5d.rewrite
    prefix: /rewrite
    pattern: /{service}/api
    name: /svc/{service}
  interfaces:
  - kind: io.l5d.httpController    # default: 127.0.0.1:4180
    ip: 127.0.0.1
    port: 4180

Files of io.l5d.fs are followed as they change. Whoever reaches the interface may
change tables: it belongs on loopback, or behind something that knows who asks.

The administration interface has /admin/ping, /admin/metrics,
/admin/metrics/prometheus, /config.json, /dtab/delegator.json, and POST
/admin/shutdown. That, SIGTERM and SIGINT end watches and then the process; a
second signal ends it at once.

Exit codes: 0 after a stop that was asked for, 1 when it cannot run, 2 for a
mistake on the command line or in FILE.`

const examples = `  wye-namerd namerd.yml

  # Which table is there, and what a name is bound to:
  curl -s -H 'Accept: application/dtab' localhost:4180/api/1/dtabs/default
  curl -s 'localhost:4180/api/1/bind/default?path=/svc/redis'

  # The addresses, as they change:
  curl -sN 'localhost:4180/api/1/resolve/default?path=/svc/redis&watch=true'`

// usageError is a mistake on the command line.
type usageError struct{ error }

// configError is a mistake in the file.
type configError struct{ error }

// newCommand makes the command line.
func newCommand(logs io.Writer) *cobra.Command {
	var level, format string
	command := &cobra.Command{
		Use:               "wye-namerd FILE",
		Short:             "namerd without Kubernetes",
		Long:              about,
		Example:           examples,
		Version:           versionText(),
		Args:              oneFile,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(command *cobra.Command, args []string) error {
			log, err := newLog(level, format, logs)
			if err != nil {
				return err
			}
			c, err := load(args[0], command.InOrStdin())
			if err != nil {
				return err
			}
			return serve(command.Context(), c, log)
		},
	}
	command.SetVersionTemplate("wye-namerd {{.Version}}\n")
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := command.Flags()
	f.StringVar(&level, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	f.StringVar(&format, "log-format", "text", "`FORMAT` of the log on standard error: text or json")
	return command
}

func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("one configuration FILE is needed, %d are given", len(args))}
	}
	return nil
}

// load reads a configuration file, or standard input.
func load(name string, stdin io.Reader) (*config.Config, error) {
	in := stdin
	if name == "-" {
		name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, usageError{err}
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, document.MaxText+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	c, err := config.Parse(name, text)
	if err != nil {
		return nil, configError{err}
	}
	return c, nil
}

// newLog makes the log that the flags ask for.
func newLog(level, format string, w io.Writer) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %s: want debug, info, warn or error", level)}
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %s: want text or json", format)}
}
