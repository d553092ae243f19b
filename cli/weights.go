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
	for _, b := range r.Spec.Backends {
		weight, ok := asked[b.Name]
		if !ok && slices.Contains(owned, b.Name) {
			// Not to apply again what one owns is to take it away.
			weight, ok = weightOf(b), true
		}
		if ok {
			backends = append(backends, map[string]any{"name": b.Name, "weight": int64(weight)})
		}
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       "TCPRoute",
		"metadata":   map[string]any{"namespace": r.Namespace, "name": r.Name},
		"spec":       map[string]any{"backends": backends},
	}}
	options := []client.ApplyOption{client.FieldOwner(fieldOwner)}
	if force {
		options = append(options, client.ForceOwnership)
	}
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), options...); err != nil {
		return 0, conflict(r, err)
	}
	return u.GetGeneration(), nil
}

// ownedWeights are the backends whose weights this program owns by earlier applies.
func ownedWeights(entries []metav1.ManagedFieldsEntry) ([]string, error) {
	var names []string
	for _, e := range entries {
		if e.Manager != fieldOwner || e.Operation != metav1.ManagedFieldsOperationApply || e.FieldsV1 == nil {
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
