// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/wye-dev/wye/controllers/publish/pki"
	"github.com/wye-dev/wye/controllers/webhook"
	"github.com/wye-dev/wye/namerd/kubernetes"
)

// authorityOptions say whom the operator serves: its proxies, and, if they are asked
// for, the API server and namerd's clients.
func (o *operator) authorityOptions(secrets pki.Secrets, log logr.Logger) (pki.Options, error) {
	options := pki.Options{Secrets: secrets, Namespace: o.Namespace, Log: log}
	if o.WebhookBindAddress != "" {
		options.Names = append(options.Names, webhook.ServiceName+"."+o.Namespace+".svc")
		options.Addresses = append(options.Addresses, boundAddress(o.WebhookBindAddress)...)
	}
	if !o.namerdTakesTLS() {
		return options, nil
	}
	options.Names = append(options.Names, namerdNames(o.Namespace)...)
	options.Addresses = append(options.Addresses, boundAddress(o.NamerdBindAddress)...)
	for _, name := range o.NamerdServerNames {
		if ip := net.ParseIP(name); ip != nil {
			options.Addresses = append(options.Addresses, ip)
		} else if len(validation.IsDNS1123Subdomain(strings.TrimPrefix(name, "*."))) == 0 {
			options.Names = append(options.Names, name)
		} else {
			return options, fmt.Errorf("serve --namerd-server-names: %q is neither the name of a host nor an address", name)
		}
	}
	return options, nil
}

// namerdTakesTLS tells whether namerd's interface is open to others than this machine.
func (o *operator) namerdTakesTLS() bool {
	return o.NamerdBindAddress != "" && !kubernetes.Loopback(o.NamerdBindAddress)
}

// namerdNames are the names of the Service of namerd's interface as clients write
// them, and that of the end of a `kubectl port-forward`.
func namerdNames(namespace string) []string {
	service := kubernetes.ServiceName + "." + namespace
	return []string{kubernetes.ServiceName, service, service + ".svc", service + ".svc.cluster.local", "localhost"}
}

// boundAddress is the address of HOST:PORT, none if that is a name or means all.
func boundAddress(hostPort string) []net.IP {
	address, err := netip.ParseAddrPort(hostPort)
	if err != nil || address.Addr().IsUnspecified() {
		return nil
	}
	return []net.IP{address.Addr().AsSlice()}
}
