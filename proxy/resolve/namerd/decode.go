// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Limits of a tree. Those of real tables are far below.
const (
	maxDepth = 100
	maxNodes = 4096
)

// bound is a leaf of a tree: a concrete name and its addresses.
type bound struct {
	id   dtab.Path
	addr namer.Addr
}

// treeJSON is a tree as namerd writes it.
type treeJSON struct {
	Type  string `json:"type"`
	Bound *struct {
		ID   string    `json:"id"`
		Addr *addrJSON `json:"addr"`
	} `json:"bound"`
	Union []struct {
		Weight *float64  `json:"weight"`
		Tree   *treeJSON `json:"tree"`
	} `json:"union"`
}

// addrJSON is an address set as namerd writes it.
type addrJSON struct {
	Type  string `json:"type"`
	Cause string `json:"cause"`
	Addrs []struct {
		IP   string `json:"ip"`
		Port int    `json:"port"`
		Meta struct {
			Weight *float64 `json:"endpoint_addr_weight"`
			Node   string   `json:"nodeName"`
		} `json:"meta"`
	} `json:"addrs"`
}

// decodeTree reads the answer of bind.
func decodeTree(text []byte) (dtab.Tree[bound], error) {
	var t treeJSON
	if err := json.Unmarshal(text, &t); err != nil {
		return dtab.Tree[bound]{}, err
	}
	nodes := 0
	return t.read(1, &nodes)
}

// read checks a tree. nodes counts those read so far.
func (t *treeJSON) read(depth int, nodes *int) (dtab.Tree[bound], error) {
	if *nodes++; *nodes > maxNodes || depth > maxDepth {
		return dtab.Tree[bound]{}, fmt.Errorf("the tree has more than %d nodes or %d levels", maxNodes, maxDepth)
	}
	switch t.Type {
	case "neg":
		return dtab.Tree[bound]{Kind: dtab.Neg}, nil
	case "fail":
		return dtab.Tree[bound]{Kind: dtab.Fail}, nil
	case "empty":
		return dtab.Tree[bound]{Kind: dtab.Empty}, nil
	case "leaf":
		return t.leaf()
	case "union":
		return t.union(depth, nodes)
	}
	return dtab.Tree[bound]{}, fmt.Errorf("the tree has a node of type %q", clip(t.Type))
}

func (t *treeJSON) leaf() (dtab.Tree[bound], error) {
	if t.Bound == nil || t.Bound.Addr == nil {
		return dtab.Tree[bound]{}, errors.New("the tree has a leaf without a name or an address")
	}
	id, err := dtab.ParsePath(t.Bound.ID)
	if err != nil {
		return dtab.Tree[bound]{}, fmt.Errorf("the name of a leaf: %w", err)
	}
	addr, err := t.Bound.Addr.read()
	if err != nil {
		return dtab.Tree[bound]{}, fmt.Errorf("%s: %w", id, err)
	}
	return dtab.Tree[bound]{Kind: dtab.Leaf, Leaf: bound{id: id, addr: addr}}, nil
}

func (t *treeJSON) union(depth int, nodes *int) (dtab.Tree[bound], error) {
	u := dtab.Tree[bound]{Kind: dtab.Union}
	for _, c := range t.Union {
		if c.Weight == nil || *c.Weight < 0 || c.Tree == nil {
			return u, errors.New("the tree has a union with a branch without a weight of at least 0, or without a tree")
		}
		child, err := c.Tree.read(depth+1, nodes)
		if err != nil {
			return u, err
		}
		u.Children = append(u.Children, dtab.Weighted[bound]{Weight: *c.Weight, Tree: child})
	}
	return u, nil
}

// decodeAddr reads the answer of addr and of resolve.
func decodeAddr(text []byte) (namer.Addr, error) {
	var a addrJSON
	if err := json.Unmarshal(text, &a); err != nil {
		return namer.Addr{}, err
	}
	return a.read()
}

func (a *addrJSON) read() (namer.Addr, error) {
	switch a.Type {
	case "bound":
		endpoints, err := a.endpoints()
		return namer.Addr{State: namer.AddrBound, Endpoints: endpoints}, err
	case "neg":
		return namer.Addr{State: namer.AddrNeg}, nil
	case "failed":
		return namer.Addr{State: namer.AddrFailed, Cause: clip(a.Cause)}, nil
	case "pending":
		return namer.Addr{State: namer.AddrPending}, nil
	}
	return namer.Addr{}, fmt.Errorf("the address is of type %q", clip(a.Type))
}

// endpoints are the addresses. One of weight 0 gets no traffic and is left out.
func (a *addrJSON) endpoints() ([]namer.Endpoint, error) {
	var list []namer.Endpoint
	for _, e := range a.Addrs {
		ip, err := netip.ParseAddr(e.IP)
		weight := 1.0
		if e.Meta.Weight != nil {
			weight = *e.Meta.Weight
		}
		if err != nil || ip.Zone() != "" || e.Port < 1 || e.Port > 65535 || weight < 0 {
			return nil, fmt.Errorf("the addresses have one that is none: ip %q, port %d, weight %v", clip(e.IP), e.Port, weight)
		}
		if weight > 0 {
			addr := netip.AddrPortFrom(ip.Unmap(), uint16(e.Port))
			list = append(list, namer.Endpoint{Addr: addr, Weight: weight, Node: e.Meta.Node})
		}
	}
	return namer.SortEndpoints(list), nil
}

// clip bounds a text of namerd's in an error.
func clip(text string) string {
	const most = 200 // bytes
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
