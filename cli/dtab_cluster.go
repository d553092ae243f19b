// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/cli/namerctl"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/dtab/lint"
)

// clusterTables are the Dtabs of a namespace.
type clusterTables struct{ cluster }

// versionOf is the version of a Dtab as the controller's namerd shows it. The
// generation counts changes of the rules, not those of the status; the uid tells
// a Dtab from a later one of the same name.
func versionOf(d *v1alpha1.Dtab) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s/%d", d.UID, d.Generation))
}

func (t clusterTables) List(ctx context.Context) ([]string, error) {
	var list v1alpha1.DtabList
	if err := t.cluster.List(ctx, &list, client.InNamespace(t.namespace)); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(list.Items))
	for _, d := range list.Items {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return names, nil
}

func (t clusterTables) Get(ctx context.Context, name string) (namerctl.Versioned, error) {
	d, err := t.get(ctx, name)
	if err != nil {
		return namerctl.Versioned{}, err
	}
	table := namerctl.Versioned{Version: versionOf(d), Dtab: namerctl.Dtab{}}
	for _, e := range d.Spec.Dentries {
		table.Dtab = append(table.Dtab, canonical(e))
	}
	return table, nil
}

func (t clusterTables) get(ctx context.Context, name string) (*v1alpha1.Dtab, error) {
	d := &v1alpha1.Dtab{}
	err := t.cluster.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: name}, d)
	return d, err
}

// canonical is a rule as namerd would print it, but for weights, which stay
// exact. A rule that does not parse stays as it is.
func canonical(e v1alpha1.Dentry) namerctl.Dentry {
	rule, err := dtab.ParseDentry(e.Prefix, e.Dst)
	if err != nil {
		return namerctl.Dentry(e)
	}
	return namerctl.Dentry{Prefix: rule.Prefix.String(), Dst: dtab.FormatTreeExact(rule.Dst)}
}

func (t clusterTables) Create(ctx context.Context, name string, in namerctl.Input) error {
	rules, err := rulesOf(in)
	if err != nil {
		return err
	}
	return t.cluster.Create(ctx, t.object(name, rules), client.FieldOwner(fieldOwner))
}

func (t clusterTables) object(name string, rules []v1alpha1.Dentry) *v1alpha1.Dtab {
	return &v1alpha1.Dtab{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name},
		Spec:       v1alpha1.DtabSpec{Dentries: rules},
	}
}

// attempts bounds how often a write is tried that others get ahead of.
const attempts = 10

// Update replaces the rules of a Dtab. As with a namerd, one that is not there is
// created, unless a version is asked for. A change of something else than rules
// that comes between is no conflict; it is tried again.
func (t clusterTables) Update(ctx context.Context, name string, in namerctl.Input) error {
	rules, err := rulesOf(in)
	if err != nil {
		return err
	}
	for range attempts {
		err = t.replace(ctx, name, in.Version, rules)
		if !apierrors.IsConflict(err) && (in.Version != "" || !apierrors.IsAlreadyExists(err)) {
			return err
		}
	}
	return err
}

func (t clusterTables) replace(ctx context.Context, name, version string, rules []v1alpha1.Dentry) error {
	d, err := t.get(ctx, name)
	switch {
	case apierrors.IsNotFound(err) && version == "":
		return t.cluster.Create(ctx, t.object(name, rules), client.FieldOwner(fieldOwner))
	case err != nil:
		return err
	case version != "" && version != versionOf(d):
		return fmt.Errorf("dtab %q is at version %s, not %s: somebody has changed it", name, versionOf(d), version)
	}
	d.Spec.Dentries = keepTexts(rules, d.Spec.Dentries)
	return t.cluster.Update(ctx, d, client.FieldOwner(fieldOwner))
}

// keepTexts are rules, with the texts of those that were there before.
func keepTexts(rules, before []v1alpha1.Dentry) []v1alpha1.Dentry {
	texts := map[namerctl.Dentry]v1alpha1.Dentry{}
	for _, e := range before {
		texts[canonical(e)] = e
	}
	for i, e := range rules {
		if old, ok := texts[namerctl.Dentry(e)]; ok {
			rules[i] = old
		}
	}
	return rules
}

func (t clusterTables) Delete(ctx context.Context, name string) error {
	return t.cluster.Delete(ctx, t.object(name, nil))
}

// rulesOf reads the rules of a table. They keep their exact weights.
func rulesOf(in namerctl.Input) ([]v1alpha1.Dentry, error) {
	var rules []v1alpha1.Dentry
	if in.JSON != nil {
		for i, e := range in.JSON.Dtab {
			if _, err := dtab.ParseDentry(e.Prefix, e.Dst); err != nil {
				return nil, fmt.Errorf("dtab[%d].%w", i, err)
			}
			rules = append(rules, v1alpha1.Dentry(canonical(v1alpha1.Dentry(e))))
		}
		return rules, nil
	}
	table, err := dtab.Parse(in.Body)
	if err != nil {
		if syntax := new(dtab.SyntaxError); errors.As(err, &syntax) {
			return nil, fmt.Errorf("line %d, column %d: %s; %s", syntax.Line, syntax.Column, lint.Describe(syntax), lint.Mend(lint.Rules, syntax))
		}
		return nil, err
	}
	for _, e := range table {
		rules = append(rules, v1alpha1.Dentry{Prefix: e.Prefix.String(), Dst: dtab.FormatTreeExact(e.Dst)})
	}
	return rules, nil
}
