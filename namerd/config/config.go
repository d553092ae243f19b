// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config reads namerd's configuration: YAML, or JSON. What it does not know
// it refuses, with the place and with what is known there, and it tells all that is
// wrong at once. It opens nothing but what it is given.
package config

import (
	"encoding/json"
	"net/netip"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
)

// Kinds that can be configured.
const (
	KindInMemory       = "io.l5d.inMemory"
	KindHTTPController = "io.l5d.httpController"
	KindPrometheus     = "io.l5d.prometheus"
)

// Ports if nothing is said. The address is then that of loopback.
const (
	defaultAdminPort      = 9991
	defaultControllerPort = 4180
)

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// Config is a configuration with its defaults filled in.
type Config struct {
	Admin      netip.AddrPort
	Namespaces []Namespace // of the storage io.l5d.inMemory, in order of the file
	Namers     []mounts.Namer
	Interfaces []netip.AddrPort // of io.l5d.httpController; one at least
}

// Namespace is a table to begin with.
type Namespace struct {
	Name  string
	Text  string
	Table dtab.Dtab // what Text says
}

// MarshalJSON gives the configuration in the form in which it is read.
func (c *Config) MarshalJSON() ([]byte, error) {
	type address struct {
		Kind string     `json:"kind,omitempty"`
		IP   netip.Addr `json:"ip"`
		Port uint16     `json:"port"`
	}
	type storage struct {
		Kind       string            `json:"kind"`
		Namespaces map[string]string `json:"namespaces"`
	}
	shape := struct {
		Admin      address        `json:"admin"`
		Storage    storage        `json:"storage"`
		Namers     []mounts.Namer `json:"namers"`
		Interfaces []address      `json:"interfaces"`
	}{
		Admin:      address{IP: c.Admin.Addr(), Port: c.Admin.Port()},
		Storage:    storage{Kind: KindInMemory, Namespaces: map[string]string{}},
		Namers:     append([]mounts.Namer{}, c.Namers...),
		Interfaces: []address{},
	}
	for _, n := range c.Namespaces {
		shape.Storage.Namespaces[n.Name] = n.Text
	}
	for _, i := range c.Interfaces {
		shape.Interfaces = append(shape.Interfaces, address{KindHTTPController, i.Addr(), i.Port()})
	}
	return json.Marshal(shape)
}
