// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// Writer applies the objects of fleets by server-side apply, as the field
// manager ControllerName. A fleet is looked at for every endpoint that moves, so
// a write that would change nothing is left out: one whose content was written
// before, to an object on which this manager still owns the same fields.
type Writer struct {
	client client.Client // reads from the cache
	live   client.Reader // reads from the API server

	mu      sync.Mutex
	written map[objectID]record
}

type objectID struct {
	kind string
	key  types.NamespacedName
}

// record is what a write left behind.
type record struct {
	content    [sha256.Size]byte // hash of what was applied
	uid        types.UID
	owned      string // the fields that are the manager's by it
	generation int64
}

// NewWriter makes a Writer. c may read from a cache that holds only objects with
// the labels of Labels; live is asked before something is created.
func NewWriter(c client.Client, live client.Reader) *Writer {
	return &Writer{client: c, live: live, written: map[objectID]record{}}
}

// Apply brings an object of a fleet to the form given, which states its kind, the
// fleet's labels and all that the controller wants of it; the owner is added. It
// is an error if the object exists and belongs to somebody else.
func (w *Writer) Apply(ctx context.Context, owner *v1alpha1.ProxyFleet, o client.Object) error {
	id := w.id(o)
	want, err := applied(owner, o)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", id.kind, id.key, err)
	}
	live, err := w.Find(ctx, o)
	if err != nil {
		return err
	}
	if live != nil && !belongs(live, owner) {
		return fmt.Errorf("%s %s exists already and does not belong to ProxyFleet %s: remove it, or rename the fleet",
			id.kind, id.key, owner.Name)
	}
	content, err := digest(want)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", id.kind, id.key, err)
	}
	if w.stands(id, content, live) {
		return nil
	}
	err = w.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(want),
		client.FieldOwner(ControllerName), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", id.kind, id.key, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written[id] = record{content, want.GetUID(), ownedFields(want), want.GetGeneration()}
	return nil
}

// Remove deletes an object of a fleet, if it is there and belongs to the fleet.
func (w *Writer) Remove(ctx context.Context, owner *v1alpha1.ProxyFleet, o client.Object) error {
	id := w.id(o)
	live := blank(o)
	err := w.client.Get(ctx, id.key, live)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s %s: %w", id.kind, id.key, err)
	}
	if !belongs(live, owner) || live.GetDeletionTimestamp() != nil {
		return nil
	}
	uid := live.GetUID()
	err = w.client.Delete(ctx, live, client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %s %s: %w", id.kind, id.key, err)
	}
	return nil
}

// Seen tells whether an object read from the cache shows the last write to it.
func (w *Writer) Seen(o client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, known := w.written[w.id(o)]
	return !known || r.uid != o.GetUID() || o.GetGeneration() >= r.generation
}

// Forget drops what is remembered of a fleet that is gone.
func (w *Writer) Forget(fleet types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.written {
		if id.key.Namespace != fleet.Namespace {
			continue
		}
		if id.key.Name == Name(fleet.Name) || id.key.Name == ConfigName(fleet.Name) {
			delete(w.written, id)
		}
	}
}

// OwnsField tells whether the controller owns a field of an object, by
// server-side apply. The path is in managedFields' own form: "f:spec", "f:replicas".
func OwnsField(o client.Object, path ...string) bool {
	var fields map[string]any
	if json.Unmarshal([]byte(ownedFields(o)), &fields) != nil {
		return false
	}
	_, found, err := unstructured.NestedFieldNoCopy(fields, path...)
	return found && err == nil
}

// stands tells whether content was written to live and nobody changed it since.
func (w *Writer) stands(id objectID, content [sha256.Size]byte, live client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, known := w.written[id]
	return known && live != nil && r.content == content && r.uid == live.GetUID() && r.owned == ownedFields(live)
}

// Find reads an object, from the API server if the cache has none; nil if there is none.
func (w *Writer) Find(ctx context.Context, o client.Object) (client.Object, error) {
	key := client.ObjectKeyFromObject(o)
	for _, from := range []client.Reader{w.client, w.live} {
		found := blank(o)
		err := from.Get(ctx, key, found)
		if err == nil {
			return found, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("read %s %s: %w", w.id(o).kind, key, err)
		}
	}
	return nil, nil
}

func (w *Writer) id(o client.Object) objectID {
	return objectID{reflect.TypeOf(o).Elem().Name(), client.ObjectKeyFromObject(o)}
}

// belongs tells whether an object is the fleet's: by its controller, or by its
// label when it has none, as after a deletion with --cascade=orphan.
func belongs(o client.Object, owner *v1alpha1.ProxyFleet) bool {
	if ref := metav1.GetControllerOf(o); ref != nil {
		return ref.UID == owner.UID
	}
	key, ok := Of(o)
	return ok && key == client.ObjectKeyFromObject(owner) && o.GetLabels()[LabelManagedBy] == ControllerName
}

// applied is an object as it is sent: with its owner, and without what only the
// API server fills in.
func applied(owner *v1alpha1.ProxyFleet, o client.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	delete(content, "status")
	u := &unstructured.Unstructured{Object: content}
	u.SetOwnerReferences([]metav1.OwnerReference{
		*metav1.NewControllerRef(owner, v1alpha1.GroupVersion.WithKind("ProxyFleet")),
	})
	return u, nil
}

// ownedFields is the set of fields that the controller owns by server-side
// apply, in a form that can be compared; empty if there are none.
func ownedFields(o client.Object) string {
	for _, entry := range o.GetManagedFields() {
		if entry.Manager != ControllerName || entry.Operation != metav1.ManagedFieldsOperationApply || entry.Subresource != "" {
			continue
		}
		var fields any // decoded and encoded again: the order of keys depends on how the object was read
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			return ""
		}
		text, err := json.Marshal(fields)
		if err != nil {
			return ""
		}
		return string(text)
	}
	return ""
}

// digest hashes an object; equal objects have equal hashes, as JSON sorts keys.
func digest(u *unstructured.Unstructured) ([sha256.Size]byte, error) {
	text, err := json.Marshal(u.Object)
	return sha256.Sum256(text), err
}

// blank is a new object of the same Go type.
func blank(o client.Object) client.Object {
	return reflect.New(reflect.TypeOf(o).Elem()).Interface().(client.Object)
}
