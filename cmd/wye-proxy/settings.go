// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/apply"
)

// usageError is a mistake on the command line.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// settings are the values of the flags.
type settings struct {
	config        apply.Options
	bind          string
	sharePorts    bool
	zone          string
	handOver      string
	adminAddr     string
	drainDelay    time.Duration
	drainDeadline time.Duration
	dataPlane     string
	logLevel      string
	logFormat     string
}

// register declares the flags, in the order in which --help lists them.
func (s *settings) register(command *cobra.Command) {
	f := command.Flags()
	f.SortFlags = false
	c := &s.config
	f.StringVar(&c.Controller, "controller", "", "`HOST:PORT` of the controller's config push service (required)")
	f.StringVar(&c.ServerName, "controller-name", "wye-controller", "`NAME` that the controller's certificate must bear")
	f.StringVar(&c.Namespace, "namespace", "", "`NAME` of the namespace of the ProxyFleet (required)")
	f.StringVar(&c.Fleet, "fleet", "", "`NAME` of the ProxyFleet (required)")
	f.StringVar(&c.Pod, "pod", "", "`NAME` of this proxy, unique in its fleet (default $POD_NAME, else the host name)")
	f.StringVar(&c.CAFile, "ca-file", "", "PEM `FILE` of the certificates that vouch for the controller; read anew for each connection (required)")
	f.StringVar(&c.TokenFile, "token-file", "", "`FILE` with this proxy's service account token; read anew for each connection (required)")
	f.StringVar(&c.StateDir, "state-dir", "", "`DIR` to keep the last good config in, made if need be (default: it is not kept)")
	f.StringVar(&c.Bootstrap, "bootstrap-config", "", "`FILE` with a config, as kept in --state-dir, to start with if it is newer than that; may be missing")
	f.StringVar(&s.bind, "bind", "", "IP `ADDRESS` to open the routes' ports on (default: every address, IPv4 and IPv6)")
	f.BoolVar(&s.sharePorts, "share-ports", false, "open the routes' ports even if other proxies of the same user have them open with --share-ports; connections are spread over all")
	f.StringVar(&s.zone, "zone", "", "`NAME` of the zone that this proxy is in, for endpoints that are meant for zones (default $POD_ZONE, else none)")
	f.StringVar(&s.handOver, "hand-over", "", "`PATH` of a Unix socket, in a directory of this user's own, at which a process that is started with it too takes over from this one; no connection is refused (default: none does)")
	f.StringVar(&s.adminAddr, "admin-addr", "127.0.0.1:9990", "`HOST:PORT` of /live, /ready, /metrics and /config; without HOST: every address")
	f.DurationVar(&s.drainDelay, "drain-delay", 5*time.Second, "`TIME` to go on accepting once draining begins, so that senders notice")
	f.DurationVar(&s.drainDeadline, "drain-deadline", 30*time.Second, "`TIME` that connections have to end after that")
	f.StringVar(&s.dataPlane, "data-plane", "loops", "`KIND` of data plane: loops (an event loop per core; Linux only, others have the other) or portable (goroutines; slower, to compare with)")
	f.StringVar(&s.logLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "`FORMAT` of the log on standard error: text or json")
}

// options checks the settings and makes them into options of the proxy.
func (s *settings) options(logs io.Writer) (proxy.Options, error) {
	if err := s.required(); err != nil {
		return proxy.Options{}, err
	}
	log, err := s.logger(logs)
	if err != nil {
		return proxy.Options{}, err
	}
	var bind netip.Addr
	if s.bind != "" {
		if bind, err = netip.ParseAddr(s.bind); err != nil {
			return proxy.Options{}, usage("--bind %s: not an IP address", s.bind)
		}
	}
	if s.drainDelay < 0 || s.drainDeadline < 0 {
		return proxy.Options{}, usage("--drain-delay and --drain-deadline must not be negative")
	}
	config := s.config
	config.Version = versionText()
	if config.Pod, err = podName(config.Pod); err != nil {
		return proxy.Options{}, err
	}
	return proxy.Options{
		Config:        config,
		Bind:          bind,
		SharePorts:    s.sharePorts,
		Zone:          cmp.Or(s.zone, os.Getenv("POD_ZONE")),
		DrainDelay:    s.drainDelay,
		DrainDeadline: s.drainDeadline,
		Log:           log,
	}, nil
}

// required tells which flags are missing, all at once.
func (s *settings) required() error {
	var missing []string
	for _, flag := range []struct{ name, value string }{
		{"--controller", s.config.Controller},
		{"--controller-name", s.config.ServerName},
		{"--namespace", s.config.Namespace},
		{"--fleet", s.config.Fleet},
		{"--ca-file", s.config.CAFile},
		{"--token-file", s.config.TokenFile},
		{"--admin-addr", s.adminAddr},
	} {
		if flag.value == "" {
			missing = append(missing, flag.name)
		}
	}
	if len(missing) > 0 {
		return usage("missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// plane notes in o the data plane that the settings ask for. There are as many loops
// as Go would use processors; those that the rest of the program needs come on top.
func (s *settings) plane(o *proxy.Options) error {
	switch s.dataPlane {
	case "loops":
		o.Loops = runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(o.Loops + proxy.SpareProcessors)
	case "portable":
		o.Portable = true
	default:
		return usage("--data-plane %s: want loops or portable", s.dataPlane)
	}
	return nil
}

// logger makes the log that the settings ask for.
func (s *settings) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, usage("--log-level %s: want debug, info, warn or error", s.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch s.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usage("--log-format %s: want text or json", s.logFormat)
}

// podName is the name given, else that of the pod or the machine.
func podName(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if name := os.Getenv("POD_NAME"); name != "" {
		return name, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("--pod is not given, and the host has no name: %w", err)
	}
	return name, nil
}
