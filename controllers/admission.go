// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/wye-dev/wye/controllers/watch"
	"github.com/wye-dev/wye/controllers/webhook"
)

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
