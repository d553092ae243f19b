// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wye-dev/wye/proxy"
)

const about = `wye-proxy accepts TCP connections and passes them on, as the routes of its
ProxyFleet say. It gets them from wye-controller and keeps to the newest: ports
are opened and closed, and weights and endpoints change, without a restart and
without ending a connection.

While the controller is away, what is served stays as it is. With --state-dir,
a proxy that starts then serves what it served last.

With FILE, it takes the place of linkerd-tcp: FILE is linkerd-tcp's configuration,
in YAML or JSON, and - is standard input. Names are resolved by any namerd, over
HTTP, or by a dtab in FILE itself:

  admin:                           # default: 127.0.0.1:9989
    ip: 127.0.0.1
    port: 9989
    graceSecs: 10                  # the --drain-deadline
  namers:                          # for routers with a dtab
  - kind: io.l5d.fs                # each file has lines of HOST PORT
    rootDir: disco
  routers:
  - label: default
    interpreter:
      kind: io.l5d.namerd.http
      baseUrl: http://127.0.0.1:4180
      namespace: default
      periodSecs: 20
    servers:
    - port: 7474                   # on ip: 127.0.0.1 if nothing is said
      dstName: /svc/redis
  - label: alone                   # no namerd needed
    interpreter:
      kind: default
    dtab: |
      /svc => 9 * /#/io.l5d.fs/a & 1 * /#/io.l5d.fs/b ;
    servers:
    - port: 7475
      dstName: /svc

It then has an admin server as linkerd-tcp's, with /metrics, POST /shutdown, which
drains, and POST /abort, beside /live, /ready and /config.

The first SIGTERM or SIGINT drains: /ready turns to 503, the proxy goes on
accepting for --drain-delay, then closes its ports and gives connections
--drain-deadline to end. A second one ends everything at once.

With --hand-over PATH, a second process that is started with the same PATH takes the
ports of the first when it is ready, and the first drains: no connection is refused
in between. If the second ends before that, the first goes on.

Exit codes: 0 after a drain, 1 when it cannot run or had to end at once, 2 for
a mistake on the command line or in FILE.`

const examples = `  # What an operator-made pod runs:
  wye-proxy --controller wye-controller.wye-system.svc:4190 \
    --namespace shop --fleet edge --pod edge-7c9f8-x2x4v \
    --ca-file /var/run/wye/ca.crt --token-file /var/run/wye/token \
    --state-dir /var/lib/wye --admin-addr :9990

  # What it serves, and where that came from:
  curl -s localhost:9990/config

  # In place of linkerd-tcp:
  wye-proxy linkerd-tcp.yml

  # Two proxies of a fleet on one machine, each with its own address:
  wye-proxy ... --pod edge-1 --bind 127.0.0.2 --admin-addr 127.0.0.2:9990
  wye-proxy ... --pod edge-2 --bind 127.0.0.3 --admin-addr 127.0.0.3:9990`

// newCommand makes the command line. drain is closed to end what it runs.
func newCommand(drain <-chan struct{}, logs io.Writer) *cobra.Command {
	s := &settings{}
	command := &cobra.Command{
		Use:               "wye-proxy FILE | --controller HOST:PORT --namespace NAME --fleet NAME --ca-file FILE --token-file FILE",
		Short:             "TCP proxy of a Wye fleet",
		Long:              about,
		Example:           examples,
		Version:           versionText(),
		Args:              oneFile,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(command *cobra.Command, args []string) error {
			o, err := s.from(command, args, logs)
			if err != nil {
				return err
			}
			o.Drain = drain
			return proxy.Run(command.Context(), o)
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	s.register(command)
	return command
}

// oneFile takes at most one argument.
func oneFile(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("one configuration FILE can be given, and there are %d arguments", len(args))
	}
	return nil
}

// from makes options of a file, if there is one, or else of the flags.
func (s *settings) from(command *cobra.Command, args []string, logs io.Writer) (proxy.Options, error) {
	if len(args) == 1 {
		return s.fileOptions(command, args[0], logs)
	}
	o, err := s.options(logs)
	if err != nil {
		return o, err
	}
	if err := s.plane(&o); err != nil {
		return o, err
	}
	if err := s.listenAdmin(&o, "tcp", s.adminAddr); err != nil {
		return o, fmt.Errorf("--admin-addr: %w", err)
	}
	return o, nil
}
