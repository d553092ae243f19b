// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import "time"

// Flags are the command line of wye-proxy under a controller.
type Flags struct {
	Controller      string        // HOST:PORT of the config push service
	ControllerName  string        // name in its certificate
	Namespace       string        // of the fleet
	Fleet           string        // whose config to ask for
	Pod             string        // the proxy's own name, unique in its fleet
	CAFile          string        // PEM, may change while the proxy runs
	TokenFile       string        // likewise
	StateDir        string        // where the last good config is kept
	BootstrapConfig string        // file to start from when StateDir has none; may be missing. Empty: no flag
	Bind            string        // address of the listeners. Empty: no flag, every address
	SharePorts      bool          // other proxies of the host open the same ports
	AdminAddr       string        // HOST:PORT of /live, /ready, /metrics, /config
	DrainDelay      time.Duration // see Drain
	DrainDeadline   time.Duration // see Drain
}

// Args are the arguments in a fixed order.
func (f Flags) Args() []string {
	var args []string
	for _, flag := range []struct{ name, value string }{
		{"--controller", f.Controller},
		{"--controller-name", f.ControllerName},
		{"--namespace", f.Namespace},
		{"--fleet", f.Fleet},
		{"--pod", f.Pod},
		{"--ca-file", f.CAFile},
		{"--token-file", f.TokenFile},
		{"--state-dir", f.StateDir},
		{"--bootstrap-config", f.BootstrapConfig},
		{"--bind", f.Bind},
		{"--admin-addr", f.AdminAddr},
		{"--drain-delay", f.DrainDelay.String()},
		{"--drain-deadline", f.DrainDeadline.String()},
	} {
		if flag.value != "" {
			args = append(args, flag.name, flag.value)
		}
	}
	if f.SharePorts {
		args = append(args, "--share-ports")
	}
	return args
}
