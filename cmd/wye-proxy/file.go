// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/file"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
)

// configError is a mistake in a configuration file.
type configError struct{ error }

// fileOptions makes a linkerd-tcp configuration into options of the proxy. It
// listens for the admin server.
func (s *settings) fileOptions(command *cobra.Command, name string, logs io.Writer) (proxy.Options, error) {
	if err := onlyForFile(command.Flags()); err != nil {
		return proxy.Options{}, err
	}
	log, err := s.logger(logs)
	if err != nil {
		return proxy.Options{}, err
	}
	config, warnings, err := load(name, command.InOrStdin())
	if err != nil {
		return proxy.Options{}, err
	}
	for _, warning := range warnings {
		log.Warn(warning)
	}
	source, err := file.New(config)
	if err != nil {
		return proxy.Options{}, configError{err}
	}
	o := proxy.Options{Source: source, DrainDeadline: config.Grace, Log: log}
	if command.Flags().Changed("drain-delay") {
		o.DrainDelay = s.drainDelay
	}
	if o.DrainDelay < 0 {
		return proxy.Options{}, usage("--drain-delay must not be negative")
	}
	network := "tcp"
	if config.Admin.Addr().Is4() {
		network = "tcp4" // to "tcp", 0.0.0.0 is IPv6 as well
	}
	if err := s.plane(&o); err != nil {
		return proxy.Options{}, err
	}
	if err := s.listenAdmin(&o, network, config.Admin.String()); err != nil {
		return proxy.Options{}, fmt.Errorf("admin: %w", err)
	}
	return o, nil
}

// onlyForFile refuses flags whose part the file has.
func onlyForFile(flags *pflag.FlagSet) error {
	var wrong []string
	flags.Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"hand-over", "drain-delay", "data-plane", "log-level", "log-format"}, f.Name) {
			wrong = append(wrong, "--"+f.Name)
		}
	})
	if len(wrong) > 0 {
		return usage("not together with a configuration FILE: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// load reads the configuration from a file, or from standard input if it is called -.
func load(name string, stdin io.Reader) (*linkerdtcp.Config, []string, error) {
	in := stdin
	if name == "-" {
		name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, usageError{err}
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, document.MaxText+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	config, warnings, err := linkerdtcp.Parse(name, text)
	if err != nil {
		return nil, nil, configError{err}
	}
	return config, warnings, nil
}
