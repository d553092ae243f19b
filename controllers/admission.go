// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/go-logr/logr"

	"github.com/wye-dev/wye/controllers/publish/pki"
	"github.com/wye-dev/wye/controllers/watch"
	"github.com/wye-dev/wye/controllers/webhook"
)

// authorityOptions say whom the operator serves: its proxies, and the API server.
func (o *operator) authorityOptions(secrets pki.Secrets, log logr.Logger) pki.Options {
	options := pki.Options{Secrets: secrets, Namespace: o.Namespace, Log: log}
	if o.WebhookBindAddress == "" {
		return options
	}
	options.Names = []string{webhook.ServiceName + "." + o.Namespace + ".svc"}
	if address, err := netip.ParseAddrPort(o.WebhookBindAddress); err == nil && !address.Addr().IsUnspecified() {
		options.Addresses = []net.IP{address.Addr().AsSlice()}
	}
	return options
}

// setupAdmission makes the webhook, and has the API server trust it.
func (o *operator) setupAdmission(context.Context) error {
	if o.WebhookBindAddress == "" {
		return nil
	}
	server, err := webhook.NewServer(webhook.Options{
		Scheme: o.mgr.GetScheme(), TLS: o.authority.TLSConfig(), Log: o.mgr.GetLogger().WithName("admission"),
	})
	if err != nil {
		return fmt.Errorf("set up admission: %w", err)
	}
	trust := &webhook.Trust{Cluster: o.mgr.GetClient(), Bundle: o.authority.Bundle}
	o.caChanged = &watch.Doorbell{}
	return errors.Join(
		trust.SetupWithManager(o.mgr, o.caChanged),
		o.mgr.Add(everywhere(listening("admission", o.WebhookBindAddress, server.Run))),
	)
}
