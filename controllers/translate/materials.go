// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// The kinds of a Ref.
const (
	KindSecret    = "Secret"
	KindConfigMap = "ConfigMap"
)

// Ref names a Secret or a ConfigMap with certificates in it.
type Ref struct{ Kind, Namespace, Name string }

// String is also the name of the identity or trust bundle that is made of it.
func (r Ref) String() string { return r.Kind + "/" + r.Namespace + "/" + r.Name }

// parseRef is the reverse of String.
func parseRef(name string) Ref {
	kind, rest, _ := strings.Cut(name, "/")
	namespace, name, _ := strings.Cut(rest, "/")
	return Ref{kind, namespace, name}
}

// object is how messages call what r names.
func (r Ref) object() string { return r.Kind + " " + r.Namespace + "/" + r.Name }

func compareRefs(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Materials is a frozen view of Secrets and ConfigMaps. ok is false for one that is not
// being followed yet, or whose first state is still awaited.
type Materials interface {
	Material(ref Ref) (m *Material, ok bool)
}

// Keys of Secrets and ConfigMaps that mean something here.
const (
	KeyCertificate = "tls.crt"
	KeyPrivate     = "tls.key"
	KeyAuthorities = "ca.crt"
)

// Material is what a Secret or ConfigMap says, or why that is not known. It does not
// change once it is in use; what its texts mean is read once.
type Material struct {
	Absent bool              // there is none
	Denied bool              // the controller may not read it
	Type   string            // of a Secret
	Data   map[string][]byte // what is under the keys above

	asIdentity once[*identity]
	asBundle   once[[]byte]
}

// Equal tells whether two materials say the same.
func (m *Material) Equal(o *Material) bool {
	return m == o || m != nil && o != nil && m.Absent == o.Absent && m.Denied == o.Denied && m.Type == o.Type &&
		maps.EqualFunc(m.Data, o.Data, bytes.Equal)
}

// String keeps keys out of logs.
func (m *Material) String() string { return fmt.Sprintf("%d keys of type %q", len(m.Data), m.Type) }

// GoString implements fmt.GoStringer, to the same end.
func (m *Material) GoString() string { return m.String() }

// once is a value that is worked out when it is asked for first.
type once[T any] struct {
	do    sync.Once
	value T
	err   error
}

func (o *once[T]) get(f func() (T, error)) (T, error) {
	o.do.Do(func() { o.value, o.err = f() })
	return o.value, o.err
}

// use is a Ref and what it is used as. A Secret can be both, good as one and bad as the
// other.
type use struct {
	ref    Ref
	bundle bool // certificates of authorities; else a certificate with its key
}

// need is a use, and the place in the spec that asks for it.
type need struct {
	use
	place string
}

// certificates are what a form needs, that of its clients first.
func (t *translation) certificates(namespace string, form *Bound) []need {
	var needs []need
	if tls := form.Spec.TLS; form.Spec.Terminates() {
		for i, ref := range tls.CertificateRefs {
			needs = append(needs, need{use{Ref{KindSecret, namespace, ref.Name}, false}, fmt.Sprintf("spec.tls.certificateRefs[%d]", i)})
		}
		if v := tls.ClientValidation; v != nil {
			for i, ref := range authorities(v.CACertificateRefs, namespace) {
				needs = append(needs, need{use{ref, true}, fmt.Sprintf("spec.tls.clientValidation.caCertificateRefs[%d]", i)})
			}
		}
	}
	forLeaves(form.Tree, func(a Arm) {
		tls, place := poolSettings(form.Spec, a).GetTls(), fmt.Sprintf("TLS to %s", a.Name)
		if name := tls.GetIdentity(); name != "" {
			needs = append(needs, need{use{parseRef(name), false}, place})
		}
		for _, name := range tls.GetTrustBundles() {
			needs = append(needs, need{use{parseRef(name), true}, place})
		}
	})
	return needs
}

// secure gives a form the certificates that it needs. wrong is set when one of them
// cannot be used, or is awaited; else expired says which have expired, empty for none.
func (t *translation) secure(namespace string, form *Bound) (expired string, wrong *Judgement) {
	form.Materials = map[use]*Material{}
	var late []string
	for _, n := range t.certificates(namespace, form) {
		if form.Materials[n.use] != nil {
			continue
		}
		m, known := t.material(n.ref)
		if !known {
			wrong = cmp.Or(wrong, awaiting("%s: %s is awaited", n.place, n.ref.object()))
			continue
		}
		expires, err := n.examine(m)
		switch {
		case err != nil && (wrong == nil || wrong.Unknown): // mistakes before what is only awaited
			wrong = unbound(v1alpha1.ReasonInvalidCertificateRef, "%s: %v", n.place, err)
		case err == nil:
			form.Materials[n.use] = m
			if t.expired(expires) {
				late = append(late, fmt.Sprintf("the certificate in %s expired on %s; it is served, and clients that look refuse it",
					n.ref.object(), expires.UTC().Format(time.DateOnly)))
			}
		}
	}
	return strings.Join(late, "; "), wrong
}

// material looks up a Secret or ConfigMap, which is followed from then on.
func (t *translation) material(ref Ref) (*Material, bool) {
	t.needed[ref] = true
	if t.snapshot.Materials == nil {
		t.names.pending = true
		return nil, false
	}
	m, known := t.snapshot.Materials.Material(ref)
	t.names.pending = t.names.pending || !known
	return m, known
}

// expired tells whether a certificate has expired, and else has the translation asked
// for again when it will have.
func (t *translation) expired(at time.Time) bool {
	switch {
	case at.IsZero():
		return false
	case !t.snapshot.Now.Before(at):
		return true
	case t.expires.IsZero() || at.Before(t.expires):
		t.expires = at
	}
	return false
}

// renewed is a last good form with the certificates of now, as far as those are good.
func (t *translation) renewed(namespace string, form Bound) Bound {
	form.Materials = maps.Clone(form.Materials)
	for _, n := range t.certificates(namespace, &form) {
		m, known := t.material(n.ref)
		if !known {
			continue
		}
		if expires, err := n.examine(m); err == nil {
			form.Materials[n.use] = m
			t.expired(expires)
		}
	}
	return form
}

// examine tells what is wrong with a material for what it is needed for, and when it
// expires; zero for a bundle.
func (n need) examine(m *Material) (expires time.Time, err error) {
	switch {
	case m.Denied:
		return expires, fmt.Errorf("the controller may not read %s; grant it list and watch there, or use one in another namespace", n.ref.object())
	case m.Absent && n.bundle:
		return expires, fmt.Errorf("there is no %s %q in namespace %q; create it with the authorities' certificates under %s",
			n.ref.Kind, n.ref.Name, n.ref.Namespace, KeyAuthorities)
	case m.Absent:
		return expires, fmt.Errorf("there is no Secret %q in namespace %q; create it with kubectl create secret tls", n.ref.Name, n.ref.Namespace)
	case n.bundle:
		if _, err := m.bundle(); err != nil {
			return expires, fmt.Errorf("%s: %w", n.ref.object(), err)
		}
		return expires, nil
	}
	own, err := m.identity()
	if err != nil {
		return expires, fmt.Errorf("%s: %w", n.ref.object(), err)
	}
	return own.expires, nil
}

// authorities are what references to bundles mean in a namespace.
func authorities(references []v1alpha1.CAReference, namespace string) []Ref {
	refs := make([]Ref, len(references))
	for i, ref := range references {
		refs[i] = Ref{cmp.Or(ref.Kind, KindConfigMap), namespace, ref.Name}
	}
	return refs
}

// bundleNames are the names of the trust bundles made of them.
func bundleNames(references []v1alpha1.CAReference, namespace string) []string {
	var names []string
	for _, ref := range authorities(references, namespace) {
		names = append(names, ref.String())
	}
	return names
}
