// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
)

// config is what the drafts serve, as it is pushed. Every list is sorted by name.
func (t *translation) config(drafts []*draft) *pushv1.Config {
	c := &pushv1.Config{}
	listeners := map[string]*pushv1.Listener{} // name -> listener
	pools := map[string]*pushv1.Pool{}         // name -> pool
	congestion := t.congestionControl()
	for _, d := range drafts {
		if d.verdict.Serving == ServesRetained {
			c.Retained = append(c.Retained, d.key.String())
		}
		if d.form == nil {
			continue
		}
		r := wireRoute(d.key.String(), *d.form, congestion.Backends)
		t.divide(r.Migration)
		c.Routes = append(c.Routes, r)
		listeners[r.Listener] = &pushv1.Listener{
			Name: r.Listener, Port: uint32(d.port), CongestionControl: congestion.Clients,
		}
		t.hear(listeners[r.Listener])
		forLeaves(d.form.Tree, func(a Arm) {
			if p := poolOf(d.form.Spec, a); pools[p.Name] == nil {
				t.fill(p, a.ID)
				pools[p.Name] = p
			}
		})
	}
	// Not the order of namespace and name: "a-b/x" comes before "a/x".
	slices.SortFunc(c.Routes, func(a, b *pushv1.Route) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(c.Retained)
	c.Listeners = valuesByKey(listeners)
	c.Pools = valuesByKey(pools)
	t.limit(c)
	addMaterials(c, drafts)
	return c
}

// congestionControl is what the fleet says of it.
func (t *translation) congestionControl() v1alpha1.CongestionControl {
	if fleet := t.snapshot.Fleet; fleet != nil && fleet.Spec.CongestionControl != nil {
		return *fleet.Spec.CongestionControl
	}
	return v1alpha1.CongestionControl{}
}

func valuesByKey[V any](m map[string]V) []V {
	values := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[k])
	}
	return values
}

func wireRoute(name string, b Bound, congestionControl string) *pushv1.Route {
	namespace, _, _ := strings.Cut(name, "/")
	r := &pushv1.Route{
		Name:              name,
		Listener:          fmt.Sprintf("tcp/%d", b.Spec.Port),
		Tree:              wireTree(b.Spec, b.Tree),
		Timeouts:          wireTimeouts(b.Spec.Timeouts),
		OnUnavailable:     pushv1.OnUnavailable_ON_UNAVAILABLE_REFUSE,
		CongestionControl: congestionControl,
		Limits:            wireLimits(b.Spec.Limits),
		Access:            wireAccess(b.Spec.Access),
		Tls:               wireTLS(namespace, b),
	}
	if b.Spec.OnUnavailable == v1alpha1.OnUnavailableRedistribute {
		r.OnUnavailable = pushv1.OnUnavailable_ON_UNAVAILABLE_REDISTRIBUTE
	}
	r.Splitting, r.Migration = wireSplitting(b.Spec.Splitting), wireMigration(b.Spec.Migration)
	wireNames(r, b.Spec)
	r.Hash = hash(r)
	return r
}

// hash is the content hash of a route that has none yet: 64 bits, in hex.
func hash(r *pushv1.Route) string {
	// Marshal fails only on texts that are not UTF-8, and ours are canonical
	// paths and names that the API server has checked.
	bytes, _ := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	sum := sha256.Sum256(bytes)
	return hex.EncodeToString(sum[:8])
}

func wireTree(spec v1alpha1.TCPRouteSpec, t dtab.Tree[Arm]) *pushv1.Tree {
	switch t.Kind {
	case dtab.Fail:
		return &pushv1.Tree{Kind: &pushv1.Tree_Fail{Fail: &pushv1.Fail{}}}
	case dtab.Empty:
		return &pushv1.Tree{Kind: &pushv1.Tree_Empty{Empty: &pushv1.Empty{}}}
	case dtab.Leaf:
		return &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: t.Leaf.Name, Pool: poolOf(spec, t.Leaf).Name}}}
	case dtab.Alt:
		alt := &pushv1.Alt{}
		for _, c := range t.Children {
			alt.Trees = append(alt.Trees, wireTree(spec, c.Tree))
		}
		return &pushv1.Tree{Kind: &pushv1.Tree_Alt{Alt: alt}}
	case dtab.Union:
		union := &pushv1.Union{}
		for _, c := range t.Children {
			union.Trees = append(union.Trees, &pushv1.Weighted{Weight: c.Weight, Tree: wireTree(spec, c.Tree)})
		}
		return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: union}}
	default:
		return &pushv1.Tree{Kind: &pushv1.Tree_Neg{Neg: &pushv1.Neg{}}}
	}
}

func wireTimeouts(t *v1alpha1.Timeouts) *pushv1.Timeouts {
	if t == nil {
		return nil
	}
	return &pushv1.Timeouts{Connect: wireDuration(t.Connect), Idle: wireDuration(t.Idle), Lifetime: wireDuration(t.Lifetime)}
}

func wireDuration(d *metav1.Duration) *durationpb.Duration {
	if d == nil {
		return nil
	}
	return durationpb.New(d.Duration)
}
