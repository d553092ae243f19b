// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
)

// reader reads a document into a Config.
type reader struct {
	*document.Document
	config Config
}

// Parse reads a configuration. name stands for the file in errors.
func Parse(name string, text []byte) (*Config, error) {
	d, root, err := document.Open(name, text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, fmt.Errorf("%s: it is empty; a storage and one interface are needed", name)
	}
	r := &reader{Document: d}
	r.config.Admin = loopback(defaultAdminPort)
	r.root(root)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return &r.config, nil
}

func (r *reader) root(n *yaml.Node) {
	found := r.Fields(n, "the configuration",
		document.Field{Key: "admin", Read: r.admin},
		document.Field{Key: "storage", Read: r.storage},
		document.Field{Key: "namers", Read: func(n *yaml.Node) { r.config.Namers = mounts.Read(r.Document, n) }},
		document.Field{Key: "interfaces", Read: r.interfaces},
		document.Field{Key: "telemetry", Read: r.telemetry},
	)
	for _, needed := range []string{"storage", "interfaces"} {
		if _, ok := found[needed]; !ok {
			r.Fail(document.PlaceOf(n), "%q is missing", needed)
		}
	}
	if _, ok := found["interfaces"]; ok && len(r.config.Interfaces) == 0 && !r.Failed() {
		r.Fail(found["interfaces"], "at least one interface is needed, such as %s", KindHTTPController)
	}
}

func (r *reader) admin(n *yaml.Node) {
	r.config.Admin = r.address(n, "admin", r.config.Admin)
}

// address reads ip and port of something, besides a kind that is read already.
func (r *reader) address(n *yaml.Node, what string, address netip.AddrPort, others ...document.Field) netip.AddrPort {
	ip, port := address.Addr(), address.Port()
	r.Fields(n, what, append(others,
		document.Field{Key: "ip", Read: r.IP(&ip)},
		document.Field{Key: "port", Read: r.Port(&port)},
	)...)
	return netip.AddrPortFrom(ip, port)
}

func (r *reader) storage(n *yaml.Node) {
	switch kind, at := r.Kind(n, "storage"); kind {
	case KindInMemory, "io.buoyant.namerd.storage.inMemory": // as it was called at first
		r.Fields(n, "storage "+kind, document.Field{Key: "kind"}, document.Field{Key: "namespaces", Read: r.namespaces})
	case "":
	case "io.l5d.k8s":
		r.Fail(at, "storage %s is not offered here, only %s is; in a cluster wye-controller keeps tables, as Dtab objects", kind, KindInMemory)
	case "io.l5d.zk", "io.l5d.etcd", "io.l5d.consul":
		r.Fail(at, "storage %s is not offered, only %s is", kind, KindInMemory)
	default:
		r.Fail(at, "unknown kind %q of storage: known is %s", kind, KindInMemory)
	}
}

func (r *reader) namespaces(n *yaml.Node) {
	n = document.Follow(n)
	if n.Kind != yaml.MappingNode {
		r.Fail(document.PlaceOf(n), "namespaces must be a mapping of names to dtabs")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		r.namespace(n.Content[i], n.Content[i+1])
	}
}

func (r *reader) namespace(key, value *yaml.Node) {
	name, ok := r.Text(key, "the name of a namespace")
	if !ok {
		return
	}
	if name == "" || slices.ContainsFunc(r.config.Namespaces, func(n Namespace) bool { return n.Name == name }) {
		r.Fail(document.PlaceOf(key), "the name of namespace %q is empty or comes twice", name)
		return
	}
	text, table := "", dtab.Dtab(nil)
	if !document.IsNull(value) {
		if table, text, ok = r.Dtab(value, "the dtab of namespace "+name); !ok {
			return
		}
	}
	r.config.Namespaces = append(r.config.Namespaces, Namespace{Name: name, Text: text, Table: table})
}

func (r *reader) interfaces(n *yaml.Node) {
	for _, n := range r.Items(n, "interfaces") {
		switch kind, at := r.Kind(n, "an interface"); kind {
		case KindHTTPController, "httpController": // as it was called at first
			address := r.address(n, "interface "+kind, loopback(defaultControllerPort), document.Field{Key: "kind"})
			r.config.Interfaces = append(r.config.Interfaces, address)
		case "":
		case "io.l5d.thriftNameInterpreter", "thriftNameInterpreter", "io.l5d.mesh", "io.l5d.destination":
			r.Fail(at, "interface %s is not offered, only %s is", kind, KindHTTPController)
		default:
			r.Fail(at, "unknown kind %q of interface: known is %s", kind, KindHTTPController)
		}
	}
}

// telemetry may ask for what is there anyway.
func (r *reader) telemetry(n *yaml.Node) {
	for _, n := range r.Items(n, "telemetry") {
		if kind, at := r.Kind(n, "a telemeter"); kind != KindPrometheus && kind != "" {
			r.Fail(at, "unknown kind %q of telemeter: known is %s", kind, KindPrometheus)
		} else if kind != "" {
			r.Fields(n, "telemeter "+kind, document.Field{Key: "kind"})
		}
	}
}
