// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/controllers/observe"
)

const (
	leaseName      = "wye-controller" // that the leading controller holds
	inspectionPort = 4191             // of a controller's pod, on its loopback
	observeLimit   = 5 * time.Second  // for all that it takes to ask
)

// observer asks the leading controller what the proxies saw. It keeps its way to
// the controller while that works, until it is closed.
type observer struct {
	url       string // of the controller; empty: the cluster's leader is looked for
	namespace string // of the cluster's controllers
	cluster   cluster

	http http.Client
	way  *forward // to the leader, nil when there is none
}

func newObserver(f statusFlags, c cluster) *observer {
	return &observer{
		url: f.controllerURL, namespace: f.controllerNamespace, cluster: c,
		http: http.Client{Transport: &http.Transport{}}, // no proxy on the way
	}
}

// sighting is what was observed of routes, or why nothing was.
type sighting struct {
	routes map[string]*observe.Route // name -> what the proxies said of it
	err    error
}

// look asks about the routes of the user's namespace, or the one with a name
// unless that is empty.
func (o *observer) look(ctx context.Context, name string) sighting {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	base, err := o.find(ctx)
	if err != nil {
		return sighting{err: err}
	}
	routes, err := observe.Get(ctx, &o.http, base, o.cluster.namespace, name)
	if err != nil {
		o.close() // another may lead by now
		return sighting{err: fmt.Errorf("ask the controller: %w", err)}
	}
	s := sighting{routes: map[string]*observe.Route{}}
	for i := range routes {
		s.routes[routes[i].Name] = &routes[i]
	}
	return s
}

// find gives a URL of the leading controller.
func (o *observer) find(ctx context.Context) (string, error) {
	if o.url != "" {
		return o.url, nil
	}
	if o.way == nil {
		pod, err := o.leader(ctx)
		if err != nil {
			return "", fmt.Errorf("find the leading controller: %w", err)
		}
		if o.way, err = openForward(ctx, o.cluster.config, o.namespace, pod, inspectionPort); err != nil {
			return "", fmt.Errorf("forward a port to pod %s of namespace %s: %w", pod, o.namespace, err)
		}
	}
	return o.way.base, nil
}

// leader names the pod of the controller that leads. Who holds the lease is named
// HOST_ID, and the host is the pod.
func (o *observer) leader(ctx context.Context) (string, error) {
	var lease coordinationv1.Lease
	if err := o.cluster.Get(ctx, client.ObjectKey{Namespace: o.namespace, Name: leaseName}, &lease); err != nil {
		return "", err
	}
	holder := lease.Spec.HolderIdentity
	if holder == nil || *holder == "" {
		return "", errors.New("none leads")
	}
	if i := strings.LastIndex(*holder, "_"); i > 0 {
		return (*holder)[:i], nil
	}
	return "", fmt.Errorf("%q, which holds the lease, is no pod", *holder)
}

// close gives the way to the controller up.
func (o *observer) close() {
	o.http.CloseIdleConnections()
	if o.way != nil {
		o.way.close()
		o.way = nil
	}
}
