// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MarshalJSON is JSON without addresses.
func (n *Delegation) MarshalJSON() ([]byte, error) { return n.JSON(nil) }

// JSON is the form in which namerd shows a delegation. addr gives what is to
// stand for the addresses of a bound name; if it is nil they are left out.
func (n *Delegation) JSON(addr func(Bound) any) ([]byte, error) {
	return unescaped(n.shape(addr))
}

// delegationJSON has namerd's keys in namerd's order.
type delegationJSON struct {
	Type     NodeKind         `json:"type"`
	Path     string           `json:"path"`
	Name     string           `json:"name,omitempty"`
	Dentry   *Dentry          `json:"dentry,omitempty"`
	Delegate *delegationJSON  `json:"delegate,omitempty"`
	Alt      []delegationJSON `json:"alt,omitempty"`
	Union    []weightedJSON   `json:"union,omitempty"`
	Bound    *boundJSON       `json:"bound,omitempty"`
	Tree     *delegationJSON  `json:"tree,omitempty"`
	Message  *string          `json:"message,omitempty"`
}

type weightedJSON struct {
	Weight JSONWeight     `json:"weight"`
	Tree   delegationJSON `json:"tree"`
}

type boundJSON struct {
	Addr any    `json:"addr,omitempty"`
	ID   string `json:"id"`
	Path string `json:"path"`
}

func (n *Delegation) shape(addr func(Bound) any) delegationJSON {
	s := delegationJSON{Type: n.Kind, Path: n.pathText(), Name: n.Name, Dentry: n.Dentry}
	if n.Bound != nil {
		s.Bound = &boundJSON{ID: n.Bound.ID.String(), Path: n.Bound.Residual.String()}
		if addr != nil {
			s.Bound.Addr = addr(*n.Bound)
		}
	}
	if n.Kind == NodeException {
		message := linkerdText(n.Err)
		s.Message = &message
	}
	for _, c := range n.Children {
		child := c.Tree.shape(addr)
		switch n.Kind {
		case NodeDelegate:
			s.Delegate = &child
		case NodeAlt:
			s.Alt = append(s.Alt, child)
		case NodeUnion:
			s.Union = append(s.Union, weightedJSON{JSONWeight(c.Weight), child})
		case NodeTransformation:
			s.Tree = &child
		}
	}
	return s
}

func (n *Delegation) pathText() string {
	switch {
	case n.Kind == NodeFail && !n.Path.HasPrefix(Path{"$", "fail"}):
		return "!"
	case n.Kind == NodeNeg && len(n.Path) == 0:
		return "~"
	}
	return n.Path.String()
}

// linkerdText is what an error says without the path in front.
func linkerdText(err error) string {
	if at, ok := errors.AsType[*PathError](err); ok {
		err = at.Err
	}
	return fmt.Sprint(err)
}

// JSONWeight is a weight that prints in JSON as namerd prints it: 3.0, 0.25, 1.0E7.
type JSONWeight float64

// MarshalJSON gives the text of Java's Double.toString.
func (w JSONWeight) MarshalJSON() ([]byte, error) {
	value := float64(w)
	switch {
	case math.IsInf(value, 0) || math.IsNaN(value):
		return nil, fmt.Errorf("weight %v is not a number", value)
	case value == 0 || 1e-3 <= value && value < 1e7:
		return []byte(withDot(strconv.FormatFloat(value, 'f', -1, 64))), nil
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(value, 'E', -1, 64), "E")
	power, err := strconv.Atoi(exponent)
	return fmt.Appendf(nil, "%sE%d", withDot(mantissa), power), err
}

func withDot(digits string) string {
	if strings.Contains(digits, ".") {
		return digits
	}
	return digits + ".0"
}
