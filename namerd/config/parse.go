// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/dtab"
)

// MaxText is how long a configuration may be, in bytes.
const MaxText = 8 << 20

// reader reads a document into a Config.
type reader struct {
	document
	config Config
}

// Parse reads a configuration. name stands for the file in errors.
func Parse(name string, text []byte) (*Config, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%s: %d bytes are too many; at most %d are read", name, len(text), MaxText)
	}
	root, err := parseYAML(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if root == nil {
		return nil, fmt.Errorf("%s: it is empty; a storage and one interface are needed", name)
	}
	r := &reader{document: document{name: name, lines: strings.Split(string(text), "\n")}}
	r.config.Admin = loopback(defaultAdminPort)
	r.root(root)
	if err := r.err(); err != nil {
		return nil, err
	}
	return &r.config, nil
}

func (r *reader) root(n *yaml.Node) {
	found := r.fields(n, "the configuration",
		field{"admin", r.admin},
		field{"storage", r.storage},
		field{"namers", r.namers},
		field{"interfaces", r.interfaces},
		field{"telemetry", r.telemetry},
	)
	for _, needed := range []string{"storage", "interfaces"} {
		if _, ok := found[needed]; !ok {
			r.fail(placeOf(n), "%q is missing", needed)
		}
	}
	if _, ok := found["interfaces"]; ok && len(r.config.Interfaces) == 0 && len(r.mistakes) == 0 {
		r.fail(found["interfaces"], "at least one interface is needed, such as %s", KindHTTPController)
	}
	if len(r.mistakes) == 0 {
		r.overlaps()
	}
}

func (r *reader) admin(n *yaml.Node) {
	r.config.Admin = r.address(n, "admin", r.config.Admin)
}

// address reads ip and port of something, besides a kind that is read already.
func (r *reader) address(n *yaml.Node, what string, address netip.AddrPort, others ...field) netip.AddrPort {
	ip, port := address.Addr(), address.Port()
	r.fields(n, what, append(others,
		field{"ip", func(n *yaml.Node) {
			if text, ok := r.text(n, "ip"); ok {
				var err error
				if ip, err = netip.ParseAddr(text); err != nil {
					r.fail(placeOf(n), "%q is not an IP address", text)
				}
			}
		}},
		field{"port", func(n *yaml.Node) {
			if err := follow(n).Decode(&port); err != nil || follow(n).ShortTag() != "!!int" {
				r.fail(placeOf(n), "%q is not a port from 0 to 65535", follow(n).Value)
			}
		}})...)
	return netip.AddrPortFrom(ip, port)
}

func (r *reader) storage(n *yaml.Node) {
	switch kind, at := r.kind(n, "storage"); kind {
	case KindInMemory, "io.buoyant.namerd.storage.inMemory": // as it was called at first
		r.fields(n, "storage "+kind, field{"kind", nil}, field{"namespaces", r.namespaces})
	case "":
	case "io.l5d.k8s":
		r.fail(at, "storage %s is not offered here, only %s is; in a cluster wye-controller keeps tables, as Dtab objects", kind, KindInMemory)
	case "io.l5d.zk", "io.l5d.etcd", "io.l5d.consul":
		r.fail(at, "storage %s is not offered, only %s is", kind, KindInMemory)
	default:
		r.fail(at, "unknown kind %q of storage: known is %s", kind, KindInMemory)
	}
}

func (r *reader) namespaces(n *yaml.Node) {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		r.fail(placeOf(n), "namespaces must be a mapping of names to dtabs")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		r.namespace(n.Content[i], n.Content[i+1])
	}
}

func (r *reader) namespace(key, value *yaml.Node) {
	name, ok := r.text(key, "the name of a namespace")
	if !ok {
		return
	}
	if name == "" || slices.ContainsFunc(r.config.Namespaces, func(n Namespace) bool { return n.Name == name }) {
		r.fail(placeOf(key), "the name of namespace %q is empty or comes twice", name)
		return
	}
	text := ""
	if !isNull(value) {
		if text, ok = r.text(value, "the dtab of namespace "+name); !ok {
			return
		}
	}
	table, err := dtab.Parse(text)
	if syntax, ok := errors.AsType[*dtab.SyntaxError](err); ok {
		r.fail(r.placeIn(follow(value), syntax), "the dtab of namespace %s does not parse: %v", name, err)
		return
	}
	r.config.Namespaces = append(r.config.Namespaces, Namespace{Name: name, Text: text, Table: table})
}

// placeIn is the place in the file of a mistake in a text: exact in a block after |,
// else where the text begins.
func (r *reader) placeIn(n *yaml.Node, e *dtab.SyntaxError) place {
	line := n.Line + e.Line // a block begins below its |
	if n.Style&yaml.LiteralStyle == 0 || line > len(r.lines) {
		return placeOf(n)
	}
	inText := strings.Split(n.Value, "\n")[e.Line-1]
	inFile := strings.TrimSuffix(r.lines[line-1], "\r")
	if !strings.HasSuffix(inFile, inText) {
		return placeOf(n)
	}
	indent := len(inFile) - len(inText)
	return place{line, 1 + indent + utf8.RuneCountInString(inText[:e.Column-1])}
}

func (r *reader) interfaces(n *yaml.Node) {
	for _, n := range r.items(n, "interfaces") {
		switch kind, at := r.kind(n, "an interface"); kind {
		case KindHTTPController, "httpController": // as it was called at first
			address := r.address(n, "interface "+kind, loopback(defaultControllerPort), field{"kind", nil})
			r.config.Interfaces = append(r.config.Interfaces, address)
		case "":
		case "io.l5d.thriftNameInterpreter", "thriftNameInterpreter", "io.l5d.mesh", "io.l5d.destination":
			r.fail(at, "interface %s is not offered, only %s is", kind, KindHTTPController)
		default:
			r.fail(at, "unknown kind %q of interface: known is %s", kind, KindHTTPController)
		}
	}
}

// telemetry may ask for what is there anyway.
func (r *reader) telemetry(n *yaml.Node) {
	for _, n := range r.items(n, "telemetry") {
		if kind, at := r.kind(n, "a telemeter"); kind != KindPrometheus && kind != "" {
			r.fail(at, "unknown kind %q of telemeter: known is %s", kind, KindPrometheus)
		} else if kind != "" {
			r.fields(n, "telemeter "+kind, field{"kind", nil})
		}
	}
}
