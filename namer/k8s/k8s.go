// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package k8s is the namer io.l5d.k8s: Kubernetes Services and their
// EndpointSlices, as the informers of a cache tell them. A name is
// /#/io.l5d.k8s/NAMESPACE/PORT/SERVICE with any residual; PORT is a port's name
// or number; the three are lower-cased, in the id too. It asks the API server nothing itself,
// and an event costs only the names of the Service that it concerns. As long as
// the caches have not synced it says nothing.
//
// Of linkerd's namer the option labelSelector is left out.
package k8s

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch

// Informers is where the namer learns of Services and EndpointSlices. A
// controller-runtime cache is one.
type Informers interface {
	GetInformer(ctx context.Context, obj client.Object, opts ...cache.InformerGetOption) (cache.Informer, error)
}

// Options of a Namer.
type Options struct {
	Informers Informers
	// Prefix it is mounted at. None stands for /#/io.l5d.k8s.
	Prefix dtab.Path
}

// Namer answers for the Services of a cluster.
type Namer struct {
	informers Informers
	prefix    dtab.Path

	mu       sync.Mutex
	synced   bool                              // every object that there was has been seen; mu guards it
	services map[types.NamespacedName]*service // mu guards the map and what is in it
}

// service is what is known and asked of one Service. The objects belong to the
// cache and are only read.
type service struct {
	object *corev1.Service                       // nil if there is none
	slices map[string]*discoveryv1.EndpointSlice // name -> slice
	names  map[*watched]struct{}                 // names to keep up to date
}

// watched is a name that somebody follows.
type watched struct {
	name
	update func(namer.State)
}

// New makes a namer. It says nothing before Run.
func New(o Options) *Namer {
	if len(o.Prefix) == 0 {
		o.Prefix = defaultPrefix()
	}
	return &Namer{informers: o.Informers, prefix: o.Prefix, services: map[types.NamespacedName]*service{}}
}

// Mount is where the namer wants to be in a Table.
func (n *Namer) Mount() namer.Mount { return namer.Mount{Prefix: n.prefix, Namer: n} }

// Run follows the cluster until ctx ends. What was said last stays as it was.
func (n *Namer) Run(ctx context.Context) error {
	// 1. Both informers, which somebody else starts.
	withdrawService, services, err := n.handle(ctx, &corev1.Service{}, n.onService)
	if err != nil {
		return err
	}
	defer withdrawService()
	withdrawSlice, slices, err := n.handle(ctx, &discoveryv1.EndpointSlice{}, n.onSlice)
	if err != nil {
		return err
	}
	defer withdrawSlice()

	// 2. Everything that there is, before anything is said.
	if !toolscache.WaitFor(ctx, "", services.HasSyncedChecker(), slices.HasSyncedChecker()) {
		return nil
	}
	n.settle()

	// 3. From now on each event says what it changes.
	<-ctx.Done()
	return nil
}

// handle registers on for the events of a kind: before is nil when an object is
// new, after when it is gone.
func (n *Namer) handle(ctx context.Context, kind client.Object, on func(before, after any)) (withdraw func(), registration toolscache.ResourceEventHandlerRegistration, err error) {
	informer, err := n.informers.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, nil, fmt.Errorf("get informer of %T: %w", kind, err)
	}
	registration, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { on(nil, obj) },
		UpdateFunc: func(before, after any) { on(before, after) },
		DeleteFunc: func(obj any) { on(last(obj), nil) },
	})
	if err != nil {
		return nil, nil, fmt.Errorf("follow %T: %w", kind, err)
	}
	// The informer may have ended already, which is no news.
	return func() { _ = informer.RemoveEventHandler(registration) }, registration, nil
}

// last is the last known form of a deleted object.
func last(obj any) any {
	if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		return tombstone.Obj
	}
	return obj
}

func (n *Namer) onService(before, after any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if object, ok := after.(*corev1.Service); ok {
		n.edit(client.ObjectKeyFromObject(object), func(s *service) { s.object = object })
	} else if object, ok := before.(*corev1.Service); ok {
		n.edit(client.ObjectKeyFromObject(object), func(s *service) { s.object = nil })
	}
}

func (n *Namer) onSlice(before, after any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old, hadOld := before.(*discoveryv1.EndpointSlice)
	slice, isThere := after.(*discoveryv1.EndpointSlice)
	// The label may have moved the slice to another Service.
	if hadOld && (!isThere || serviceOf(old) != serviceOf(slice)) {
		n.edit(serviceOf(old), func(s *service) { delete(s.slices, old.Name) })
	}
	if isThere {
		n.edit(serviceOf(slice), func(s *service) { s.slices[slice.Name] = slice })
	}
}

// serviceOf is the Service that a slice belongs to.
func serviceOf(slice *discoveryv1.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
}

// edit changes what is known of a Service and brings its names up to date. The
// caller holds mu.
func (n *Namer) edit(key types.NamespacedName, change func(*service)) {
	s := n.service(key)
	change(s)
	if n.synced {
		for w := range s.names {
			w.update(w.state(s.object, s.slices))
		}
	}
	n.forgetIfUnused(key)
}

// settle says everything for the first time.
func (n *Namer) settle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.synced = true
	for _, s := range n.services {
		for w := range s.names {
			w.update(w.state(s.object, s.slices))
		}
	}
}

// Watch follows a name. A path too short to name a port of a Service is nothing.
func (n *Namer) Watch(path dtab.Path, update func(namer.State)) (stop func()) {
	parsed, ok := parse(n.prefix, path)
	if !ok {
		update(namer.State{})
		return func() {}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s, w := n.service(parsed.service), &watched{name: parsed, update: update}
	s.names[w] = struct{}{}
	if n.synced {
		update(w.state(s.object, s.slices))
	}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(s.names, w)
		n.forgetIfUnused(parsed.service)
	}
}

// service is the entry of a Service, a new one if there is none.
func (n *Namer) service(key types.NamespacedName) *service {
	s := n.services[key]
	if s == nil {
		s = &service{slices: map[string]*discoveryv1.EndpointSlice{}, names: map[*watched]struct{}{}}
		n.services[key] = s
	}
	return s
}

func (n *Namer) forgetIfUnused(key types.NamespacedName) {
	if s := n.services[key]; s != nil && s.object == nil && len(s.slices)+len(s.names) == 0 {
		delete(n.services, key)
	}
}

// parse reads a path below the prefix.
func parse(prefix, path dtab.Path) (name, bool) {
	end := len(prefix) + 3
	if len(path) < end {
		return name{}, false
	}
	path = slices.Clone(path)
	for i := len(prefix); i < end; i++ {
		path[i] = strings.ToLower(path[i])
	}
	return name{
		path:     path,
		segments: end,
		port:     path[end-2],
		service:  types.NamespacedName{Namespace: path[end-3], Name: path[end-1]},
	}, true
}
