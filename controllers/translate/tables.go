// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/dtab/lint"
)

// defaultDtab is the name of the Dtab of routes that name none.
const defaultDtab = "default"

// JudgeDtab says whether a Dtab can be used: the Accepted condition of a Dtab.
func JudgeDtab(d *v1alpha1.Dtab) Judgement {
	_, j := ReadDtab(d)
	return j
}

// ReadDtab reads the rules of a Dtab, all of them or none, and judges it as
// JudgeDtab does.
func ReadDtab(d *v1alpha1.Dtab) (dtab.Dtab, Judgement) {
	rules := make(dtab.Dtab, 0, len(d.Spec.Dentries))
	first, mistakes := "", 0
	for i, e := range d.Spec.Dentries {
		rule, err := dtab.ParseDentry(e.Prefix, e.Dst)
		if err == nil {
			rules = append(rules, rule)
			continue
		}
		if mistakes++; mistakes == 1 {
			first = fmt.Sprintf("spec.dentries[%d].%s", i, place(err))
		}
	}
	switch mistakes {
	case 0:
		return rules, Judgement{
			Type: v1alpha1.ConditionAccepted, True: true, Reason: v1alpha1.ReasonAccepted,
			Message: "every rule can be read",
		}
	case 1:
	case 2:
		first += "; one more rule is wrong"
	default:
		first += fmt.Sprintf("; %d more rules are wrong", mistakes-1)
	}
	return nil, notAccepted(v1alpha1.ReasonInvalid, "%s", first)
}

// place says where a text is wrong, what belongs there, and how to mend it.
func place(err error) string {
	var syntax *dtab.SyntaxError
	if !errors.As(err, &syntax) {
		return err.Error()
	}
	field, text := "", lint.Name
	if dentry, ok := errors.AsType[*dtab.DentryError](err); ok {
		field, text = dentry.Field+": ", lint.Destination
		if dentry.Field == "prefix" {
			text = lint.Prefix
		}
	}
	return fmt.Sprintf("%sline %d, column %d: %v; %s", field, syntax.Line, syntax.Column, syntax, lint.Mend(text, syntax))
}

// table is a Dtab as routes see it.
type table struct {
	name  types.NamespacedName
	table *dtab.Table
	wrong string // why it cannot be used
}

// String is how messages call the table.
func (tb *table) String() string {
	if tb.name.Name == "" {
		return "the empty Dtab"
	}
	return "Dtab " + tb.name.String()
}

// table finds and reads a Dtab, once for all routes; nil when it does not exist.
func (t *translation) table(name types.NamespacedName) *table {
	if tb, ok := t.tables[name]; ok {
		return tb
	}
	var tb *table
	if d := t.snapshot.Dtabs[name]; d != nil {
		tb = &table{name: name}
		rules, j := ReadDtab(d)
		if j.True {
			tb.table = dtab.NewTable(rules)
		} else {
			tb.wrong = j.Message
		}
	}
	t.tables[name] = tb
	return tb
}

// through finds the table that a route's names are bound through: where the
// route needs none, name is nil and the table empty; where the table cannot be
// used, it is nil and wrong says why.
func (t *translation) through(r *v1alpha1.TCPRoute, targets []target) (tb *table, name *types.NamespacedName, wrong *Judgement) {
	logical, needed := needs(targets)
	if !needed {
		return t.empty, nil, nil
	}
	name = &types.NamespacedName{Namespace: r.Namespace, Name: defaultDtab}
	if r.Spec.DtabRef != nil {
		name.Name = r.Spec.DtabRef.Name
	}
	tb = t.table(*name)
	switch {
	case tb == nil && r.Spec.DtabRef != nil:
		return nil, name, unbound(v1alpha1.ReasonDtabNotFound,
			"spec.dtabRef: there is no Dtab %q in namespace %q; create it, or name another one", name.Name, name.Namespace)
	case tb == nil && logical != nil:
		return nil, name, unbound(v1alpha1.ReasonDtabNotFound,
			"%s needs a Dtab, and there is none called %q in namespace %q; create it, or name another one in spec.dtabRef", logical, name.Name, name.Namespace)
	case tb == nil:
		// Concrete names mean what they say where there is no table.
		return t.empty, nil, nil
	case tb.wrong != "":
		return nil, name, unbound(v1alpha1.ReasonDtabInvalid, "%s: %s", tb, tb.wrong)
	}
	return tb, name, nil
}
