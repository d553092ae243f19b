// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
)

func TestTheCertificateIsForThoseWhoAreServed(t *testing.T) {
	service := "wye-namerd wye-namerd.ns wye-namerd.ns.svc wye-namerd.ns.svc.cluster.local localhost"
	for _, test := range []struct {
		reason  string
		options Options
		want    string // names, and addresses
		err     string
	}{
		{"proxies alone have a name of their own", Options{}, "[] []", ""},
		{"the API server calls a Service", Options{WebhookBindAddress: ":9443"}, "[wye-webhook.ns.svc] []", ""},
		{"or an address", Options{WebhookBindAddress: "127.0.0.1:9443"}, "[wye-webhook.ns.svc] [127.0.0.1]", ""},
		{"on loopback there is no TLS", Options{NamerdBindAddress: "127.0.0.1:4180", NamerdServerNames: []string{"a"}}, "[] []", ""},
		{"namerd is called by a Service", Options{NamerdBindAddress: ":4180"}, "[" + service + "] []", ""},
		{"or an address", Options{NamerdBindAddress: "10.0.0.1:4180"}, "[" + service + "] [10.0.0.1]", ""},
		{
			"or what else there is",
			Options{NamerdBindAddress: "[::]:4180", NamerdServerNames: []string{"namerd.example.com", "*.example.org", "10.0.0.2", "fd00::1"}},
			"[" + service + " namerd.example.com *.example.org] [10.0.0.2 fd00::1]", "",
		},
		{
			"which must be one",
			Options{NamerdBindAddress: ":4180", NamerdServerNames: []string{"https://namerd"}},
			"", `serve --namerd-server-names: "https://namerd" is neither the name of a host nor an address`,
		},
	} {
		test.options.Namespace = "ns"
		o := &operator{Options: test.options}
		got, err := o.authorityOptions(nil, logr.Discard())
		if err != nil || test.err != "" {
			if fmt.Sprint(err) != test.err {
				t.Errorf("%s: %v", test.reason, err)
			}
			continue
		}
		if diff := cmp.Diff(test.want, fmt.Sprint(got.Names, " ", got.Addresses)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
