// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/wye-dev/wye/controllers/translate"
)

// Materials follows the Secrets and ConfigMaps that translations need: each by a watch
// of its own, by name, as a kubelet follows those of its pods. So no other Secret of the
// cluster is ever read, and permission may be given for single namespaces, or names. It
// keeps the keys that have a meaning, of objects that are needed now.
type Materials struct {
	// Client reads the core kinds of the cluster. It must not cache.
	Client rest.Interface
	// Changed is called with a fleet that needs a material which has become known, or
	// has changed. It must not block.
	Changed func(fleet types.NamespacedName)

	mu       sync.Mutex
	ctx      context.Context                                 // of Run; nil before. Guarded by mu
	followed map[translate.Ref]*followed                     // guarded by mu
	wants    map[types.NamespacedName]map[translate.Ref]bool // fleet -> what it needs; guarded by mu
}

// followed is a Secret or ConfigMap that somebody needs. The lock of its Materials guards it.
type followed struct {
	state *translate.Material // nil until it is known
	stop  context.CancelFunc  // nil until it is being followed
}

// CoreClient reads the core kinds of a cluster, and leaves it to the API server how much
// at once.
func CoreClient(config *rest.Config) (rest.Interface, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for Secrets and ConfigMaps: %w", err)
	}
	return set.CoreV1().RESTClient(), nil
}

// Run follows what is needed until ctx ends.
func (m *Materials) Run(ctx context.Context) error {
	m.mu.Lock()
	m.ctx = ctx
	for ref, f := range m.followed {
		m.start(ref, f)
	}
	m.mu.Unlock()
	<-ctx.Done()
	return nil
}

// Want replaces what a fleet needs.
func (m *Materials) Want(fleet types.NamespacedName, refs []translate.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.followed == nil {
		m.followed, m.wants = map[translate.Ref]*followed{}, map[types.NamespacedName]map[translate.Ref]bool{}
	}
	now := make(map[translate.Ref]bool, len(refs))
	for _, ref := range refs {
		now[ref] = true
	}
	before := m.wants[fleet]
	if m.wants[fleet] = now; len(now) == 0 {
		delete(m.wants, fleet)
	}
	for ref := range now {
		if m.followed[ref] == nil {
			m.followed[ref] = &followed{}
			m.start(ref, m.followed[ref])
		}
	}
	for ref := range before {
		if !m.needed(ref) {
			m.followed[ref].end()
			delete(m.followed, ref)
		}
	}
}

// needed tells whether any fleet needs a material. m.mu is held.
func (m *Materials) needed(ref translate.Ref) bool {
	for _, refs := range m.wants {
		if refs[ref] {
			return true
		}
	}
	return false
}

func (f *followed) end() {
	if f.stop != nil {
		f.stop()
	}
}

// Fleets are those that need something, in no order.
func (m *Materials) Fleets() []types.NamespacedName {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.wants))
}

// View is what is known now. It does not change.
func (m *Materials) View() translate.Materials {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := make(view, len(m.followed))
	for ref, f := range m.followed {
		if f.state != nil {
			v[ref] = f.state
		}
	}
	return v
}

type view map[translate.Ref]*translate.Material

// Material implements translate.Materials.
func (v view) Material(ref translate.Ref) (*translate.Material, bool) {
	state, ok := v[ref]
	return state, ok
}

// start follows a material, once there is a context to do so in. m.mu is held.
func (m *Materials) start(ref translate.Ref, f *followed) {
	if m.ctx == nil {
		return
	}
	ctx, stop := context.WithCancel(m.ctx)
	f.stop = stop
	resource, object := "secrets", runtime.Object(&corev1.Secret{})
	if ref.Kind == translate.KindConfigMap {
		resource, object = "configmaps", &corev1.ConfigMap{}
	}
	note := func(state *translate.Material) { m.note(ref, f, state) }
	lw := m.listWatch(ref, resource, note)
	reflector := cache.NewReflectorWithOptions(lw, object, cell{note}, cache.ReflectorOptions{Name: ref.String()})
	go reflector.RunWithContext(ctx)
}

// listWatch lists and watches one object, and notes it if that is not permitted. The
// reflector tries again whatever the error.
func (m *Materials) listWatch(ref translate.Ref, resource string, note func(*translate.Material)) *cache.ListWatch {
	one := cache.NewListWatchFromClient(m.Client, resource, ref.Namespace, fields.OneTermEqualSelector("metadata.name", ref.Name))
	check := func(err error) {
		if apierrors.IsForbidden(err) { // Unauthorized is the controller's trouble, and passes
			note(&translate.Material{Denied: true})
		}
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := one.ListWithContext(ctx, options)
			check(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (apiwatch.Interface, error) {
			events, err := one.WatchWithContext(ctx, options)
			check(err)
			return events, err
		},
		DisableChunking: true, // there is one at most
	}
}

// note takes what has become known of a material.
func (m *Materials) note(ref translate.Ref, f *followed, state *translate.Material) {
	m.mu.Lock()
	if m.followed[ref] != f || f.state != nil && f.state.Equal(state) {
		m.mu.Unlock()
		return
	}
	f.state = state
	var fleets []types.NamespacedName
	for fleet, refs := range m.wants {
		if refs[ref] {
			fleets = append(fleets, fleet)
		}
	}
	m.mu.Unlock()
	for _, fleet := range fleets {
		m.Changed(fleet)
	}
}

// cell is a cache.ReflectorStore of one object, which it does not keep.
type cell struct{ note func(*translate.Material) }

func (c cell) Add(o any) error    { return c.Update(o) }
func (c cell) Resync() error      { return nil }
func (c cell) Delete(any) error   { return c.Replace(nil, "") }
func (c cell) Update(o any) error { c.note(material(o)); return nil }

func (c cell) Replace(list []any, _ string) error {
	if len(list) == 0 {
		c.note(&translate.Material{Absent: true})
		return nil
	}
	return c.Update(list[0])
}

// material is what an object says, of what has a meaning.
func material(o any) *translate.Material {
	m := &translate.Material{Data: map[string][]byte{}}
	switch o := o.(type) {
	case *corev1.Secret:
		m.Type = string(o.Type)
		maps.Copy(m.Data, o.Data)
	case *corev1.ConfigMap:
		maps.Copy(m.Data, o.BinaryData)
		for key, text := range o.Data {
			m.Data[key] = []byte(text)
		}
	}
	maps.DeleteFunc(m.Data, func(key string, _ []byte) bool {
		return key != translate.KeyCertificate && key != translate.KeyPrivate && key != translate.KeyAuthorities
	})
	return m
}
