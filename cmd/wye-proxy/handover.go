// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/handover"
)

// listenAdmin opens the admin port, or takes it from the process before this one. It
// is the last that can go wrong before the proxy runs.
func (s *settings) listenAdmin(o *proxy.Options, network, address string) (err error) {
	if s.handOver != "" {
		if o.HandOver, err = handover.New(s.handOver); err != nil {
			return fmt.Errorf("--hand-over: %w", err)
		}
		for _, place := range places(network, address) {
			if l := o.HandOver.Take(proxy.AdminSocket + place); l != nil {
				o.Admin = l
				return nil
			}
		}
	}
	if o.Admin, err = net.Listen(network, address); err != nil && o.HandOver != nil {
		o.HandOver.Close()
	}
	return err
}

// places are where a socket that listens on an address may say that it is.
func places(network, address string) []string {
	a, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return nil
	}
	port := strconv.Itoa(a.Port)
	if a.IP == nil || a.IP.IsUnspecified() {
		return []string{net.JoinHostPort("::", port), net.JoinHostPort("0.0.0.0", port)}
	}
	return []string{net.JoinHostPort(a.IP.String(), port)}
}
