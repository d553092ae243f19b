// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// applyWeights gives backends of a route their weights by server-side apply, and
// no other field. The result is the generation that has them.
func (c cluster) applyWeights(ctx context.Context, r *v1alpha1.TCPRoute, asked map[string]int32, force bool) (int64, error) {
	owned, err := ownedWeights(r.ManagedFields)
	if err != nil {
		return 0, err
	}
	var backends []any
	for _, b := range r.Spec.Arms() { // to apply others would keep them for ever
		weight, ok := asked[b.Name]
		if !ok && slices.Contains(owned, b.Name) {
			// Not to apply again what one owns is to take it away.
			weight, ok = weightOf(b), true
		}
		if ok {
			backends = append(backends, map[string]any{"name": b.Name, "weight": int64(weight)})
		}
	}
	var options []client.ApplyOption
	if force {
		options = append(options, client.ForceOwnership)
	}
	return c.applyTo(ctx, r, map[string]any{"spec": map[string]any{"backends": backends}}, options...)
}

// releaseWeights gives up what earlier applies own of a route: they apply nothing
// any more. The API server removes what nobody else owns.
func (c cluster) releaseWeights(ctx context.Context, r *v1alpha1.TCPRoute) (int64, error) {
	if !slices.ContainsFunc(r.ManagedFields, ours) {
		return 0, fmt.Errorf("%s owns nothing of tcproute/%s; there is nothing to release", fieldOwner, r.Name)
	}
	return c.applyTo(ctx, r, map[string]any{})
}

// applyTo applies a part of a route, which is all that this program owns of it from
// then on. The result is the generation that has it.
func (c cluster) applyTo(ctx context.Context, r *v1alpha1.TCPRoute, part map[string]any, options ...client.ApplyOption) (int64, error) {
	u := &unstructured.Unstructured{Object: part}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("TCPRoute"))
	u.SetNamespace(r.Namespace)
	u.SetName(r.Name)
	u.SetUID(r.UID) // one that was deleted meanwhile is not to be made anew
	options = append(options, client.FieldOwner(fieldOwner))
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), options...); err != nil {
		return 0, conflict(r, err)
	}
	return u.GetGeneration(), nil
}

// ours tells whether an entry is of this program's applies.
func ours(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == fieldOwner && e.Operation == metav1.ManagedFieldsOperationApply && e.FieldsV1 != nil
}

// ownedWeights are the backends whose weights this program owns by earlier applies.
func ownedWeights(entries []metav1.ManagedFieldsEntry) ([]string, error) {
	var names []string
	for _, e := range entries {
		if !ours(e) {
			continue
		}
		var owned struct {
			Spec struct {
				Backends map[string]struct {
					Weight *struct{} `json:"f:weight"`
				} `json:"f:backends"`
			} `json:"f:spec"`
		}
		if err := json.Unmarshal(e.FieldsV1.GetRawBytes(), &owned); err != nil {
			return nil, fmt.Errorf("read what %s owns: %w", fieldOwner, err)
		}
		for key, fields := range owned.Spec.Backends {
			var item struct{ Name string }
			text, isItem := strings.CutPrefix(key, "k:")
			if isItem && fields.Weight != nil && json.Unmarshal([]byte(text), &item) == nil {
				names = append(names, item.Name)
			}
		}
	}
	return names, nil
}

// conflict tells whose the weights are that an apply would have taken.
func conflict(r *v1alpha1.TCPRoute, err error) error {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return err
	}
	var whose []string
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			whose = append(whose, cause.Field+": "+cause.Message)
		}
	}
	if len(whose) == 0 {
		return err
	}
	return fmt.Errorf("somebody else owns weights of tcproute/%s:\n  %s\nchange them where they come from, or take them over with --force-conflicts",
		r.Name, strings.Join(whose, "\n  "))
}
