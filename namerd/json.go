// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namerd/names"
)

// The JSON forms have namerd's keys in namerd's order.

type treeJSON struct {
	Type  string         `json:"type"`
	Bound *boundJSON     `json:"bound,omitempty"`
	Union []weightedJSON `json:"union,omitempty"`
}

type boundJSON struct {
	Addr any    `json:"addr"`
	ID   string `json:"id"`
	Path string `json:"path"` // the residual
}

type weightedJSON struct {
	Weight dtab.JSONWeight `json:"weight"`
	Tree   treeJSON        `json:"tree"`
}

func renderTree(t dtab.Tree[names.Destination]) ([]byte, error) {
	return renderJSON(treeOf(t))
}

func treeOf(t dtab.Tree[names.Destination]) treeJSON {
	shape := treeJSON{Type: t.Kind.String()}
	switch t.Kind {
	case dtab.Leaf:
		shape.Bound = &boundJSON{
			Addr: addrOf(t.Leaf.Addr, t.Leaf.UnionWeight),
			ID:   t.Leaf.ID.String(),
			Path: t.Leaf.Residual.String(),
		}
	case dtab.Union:
		for _, c := range t.Children {
			shape.Union = append(shape.Union, weightedJSON{dtab.JSONWeight(c.Weight), treeOf(c.Tree)})
		}
	}
	return shape
}

type addrJSON struct {
	Type string `json:"type"`
}

type addrBoundJSON struct {
	Type  string        `json:"type"`
	Addrs []addressJSON `json:"addrs"`
	Meta  setMeta       `json:"meta"`
}

type addrFailedJSON struct {
	Type  string `json:"type"`
	Cause string `json:"cause"`
}

type addressJSON struct {
	IP   string      `json:"ip"`
	Port uint16      `json:"port"`
	Meta addressMeta `json:"meta"`
}

type setMeta struct {
	UnionWeight *dtab.JSONWeight `json:"namer_nametree_weight,omitempty"`
}

type addressMeta struct {
	Weight *dtab.JSONWeight `json:"endpoint_addr_weight,omitempty"` // 1 if absent
	Node   string           `json:"nodeName,omitempty"`
}

// addrOf is the JSON form of addresses. weight is that of the union branch
// around them, nil where it is not shown.
func addrOf(a namer.Addr, weight *float64) any {
	switch a.State {
	case namer.AddrNeg:
		return addrJSON{"neg"}
	case namer.AddrFailed:
		return addrFailedJSON{"failed", a.Cause}
	case namer.AddrBound:
	default:
		return addrJSON{"pending"}
	}
	shape := addrBoundJSON{Type: "bound", Addrs: make([]addressJSON, len(a.Endpoints))}
	shape.Meta.UnionWeight = (*dtab.JSONWeight)(weight)
	for i, e := range a.Endpoints {
		shape.Addrs[i] = addressJSON{IP: e.Addr.Addr().Unmap().String(), Port: e.Addr.Port()}
		if e.Weight != 1 {
			w := dtab.JSONWeight(e.Weight)
			shape.Addrs[i].Meta.Weight = &w
		}
		shape.Addrs[i].Meta.Node = e.Node
	}
	return shape
}
