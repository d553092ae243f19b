// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/cli/explain"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/k8s"
)

// Cluster answers from the Services of a cluster, each of which it asks for once.
// Names of other namers it takes to exist, as only the controller knows them;
// those that the user may not read, too.
type Cluster struct {
	Missing Assumed // names that do not exist, whatever the cluster has

	ctx      context.Context
	reader   client.Reader
	services map[types.NamespacedName]service
}

// service is what the cluster has of a Service.
type service struct {
	object *corev1.Service // nil if there is none
	slices []discoveryv1.EndpointSlice
	err    error
}

// NewCluster makes a Cluster whose questions end with ctx.
func NewCluster(ctx context.Context, reader client.Reader, missing []dtab.Path) *Cluster {
	return &Cluster{
		Missing: Assumed{missing}, ctx: ctx, reader: reader, services: map[types.NamespacedName]service{},
	}
}

// Lookup makes Cluster a dtab.Namers. What the API server does not tell is no
// error here: it would hide the rest of the answer.
func (c *Cluster) Lookup(path dtab.Path) (dtab.Tree[dtab.Name], error) {
	key, ok := k8s.ServiceOf(path)
	if !ok && path.HasPrefix(dtab.Path{"#", "io.l5d.k8s"}) {
		return dtab.Tree[dtab.Name]{}, nil // too short to name a port of a Service
	}
	if !ok || c.Missing.missing(path) {
		return c.Missing.Lookup(path)
	}
	s := c.service(key)
	if s.err != nil {
		return bound(path), nil //nolint:nilerr // Fact tells it
	}
	return k8s.StateOf(path, s.object, s.slices).Tree, nil
}

// Fact makes Cluster an explain.World.
func (c *Cluster) Fact(path dtab.Path) explain.Fact {
	if c.Missing.missing(path) || path[0] == "$" {
		return c.Missing.Fact(path)
	}
	key, ok := k8s.ServiceOf(path)
	switch {
	case !ok && path.HasPrefix(dtab.Path{"#", "io.l5d.k8s"}):
		return explain.Fact{Text: "too short: a name is /#/io.l5d.k8s/NAMESPACE/PORT/SERVICE"}
	case !ok:
		return explain.Fact{Text: "known to the controller only"}
	}
	s := c.service(key)
	if s.err != nil {
		return explain.Fact{Text: fmt.Sprintf("taken to exist: %v", s.err)}
	}
	state := k8s.StateOf(path, s.object, s.slices)
	if state.Tree.Kind == dtab.Neg {
		return explain.Fact{Text: s.why(path[3])}
	}
	return ready(state.Addr)
}

func ready(addr namer.Addr) explain.Fact {
	n := len(addr.Endpoints)
	switch n {
	case 0:
		return explain.Fact{Text: "no ready endpoints", Ready: &n}
	case 1:
		return explain.Fact{Text: "1 ready endpoint", Ready: &n}
	}
	return explain.Fact{Text: fmt.Sprintf("%d ready endpoints", n), Ready: &n}
}

// why says why a name of a port of a Service does not exist.
func (s service) why(port string) string {
	switch {
	case s.object == nil && len(s.slices) == 0:
		return "no such Service"
	case len(s.slices) == 0:
		return "a Service without endpoints"
	}
	return fmt.Sprintf("the Service has no port %s with ready endpoints", port)
}

// service asks for a Service and its slices.
func (c *Cluster) service(key types.NamespacedName) service {
	if s, ok := c.services[key]; ok {
		return s
	}
	var s service
	object := &corev1.Service{}
	switch err := c.reader.Get(c.ctx, key, object); {
	case err == nil:
		s.object = object
	case !apierrors.IsNotFound(err):
		s.err = err
	}
	var list discoveryv1.EndpointSliceList
	labels := client.MatchingLabels{discoveryv1.LabelServiceName: key.Name}
	if err := c.reader.List(c.ctx, &list, client.InNamespace(key.Namespace), labels); err != nil && s.err == nil {
		s.err = err
	}
	s.slices = list.Items
	c.services[key] = s
	return s
}
