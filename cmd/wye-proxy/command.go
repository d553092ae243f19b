// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"

	"github.com/spf13/cobra"

	"github.com/wye-dev/wye/proxy"
)

const about = `wye-proxy accepts TCP connections and passes them on, as the routes of its
ProxyFleet say. It gets them from wye-controller and keeps to the newest: ports
are opened and closed, and weights and endpoints change, without a restart and
without ending a connection.

While the controller is away, what is served stays as it is. With --state-dir,
a proxy that starts then serves what it served last.

The first SIGTERM or SIGINT drains: /ready turns to 503, the proxy goes on
accepting for --drain-delay, then closes its ports and gives connections
--drain-deadline to end. A second one ends everything at once.

Exit codes: 0 after a drain, 1 when it cannot run or had to end at once, 2 for
a mistake on the command line.`

const examples = `  # What an operator-made pod runs:
  wye-proxy --controller wye-controller.wye-system.svc:4190 \
    --namespace shop --fleet edge --pod edge-7c9f8-x2x4v \
    --ca-file /var/run/wye/ca.crt --token-file /var/run/wye/token \
    --state-dir /var/lib/wye --admin-addr :9990

  # What it serves, and where that came from:
  curl -s localhost:9990/config

  # Two proxies of a fleet on one machine, each with its own address:
  wye-proxy ... --pod edge-1 --bind 127.0.0.2 --admin-addr 127.0.0.2:9990
  wye-proxy ... --pod edge-2 --bind 127.0.0.3 --admin-addr 127.0.0.3:9990`

// newCommand makes the command line. drain is closed to end what it runs.
func newCommand(drain <-chan struct{}, logs io.Writer) *cobra.Command {
	s := &settings{}
	command := &cobra.Command{
		Use:               "wye-proxy --controller HOST:PORT --namespace NAME --fleet NAME --ca-file FILE --token-file FILE",
		Short:             "TCP proxy of a Wye fleet",
		Long:              about,
		Example:           examples,
		Version:           versionText(),
		Args:              noFile,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(command *cobra.Command, _ []string) error {
			o, err := s.options(logs)
			if err != nil {
				return err
			}
			o.Drain = drain
			o.Admin, err = net.Listen("tcp", s.adminAddr)
			if err != nil {
				return fmt.Errorf("--admin-addr: %w", err)
			}
			return proxy.Run(command.Context(), o)
		},
	}
	command.SetVersionTemplate("wye-proxy {{.Version}}\n")
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	s.register(command)
	return command
}

// noFile refuses arguments. The one that users of linkerd-tcp would give is the
// name of a configuration file.
func noFile(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("%q: wye-proxy takes no arguments; it does not read linkerd-tcp configuration files, its config comes from --controller", args[0])
}
