// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/translate"
	"github.com/wye-dev/wye/dtab/lint"
)

// config/webhook/manifests.yaml is made from these. The names of the webhooks
// must stay: one that has gone from the manifest would be left behind in the
// cluster with nothing but the CA bundle, which the API server refuses.
//
// +kubebuilder:webhookconfiguration:mutating=false,name=validating-webhook
// +kubebuilder:webhook:name=dtabs.wye.dev,path=/validate-wye-dev-v1alpha1-dtab,groups=wye.dev,versions=v1alpha1,resources=dtabs,verbs=create;update,mutating=false,failurePolicy=ignore,timeoutSeconds=3,sideEffects=None,matchPolicy=Equivalent,admissionReviewVersions=v1,serviceName=webhook
// +kubebuilder:webhook:name=tcproutes.wye.dev,path=/validate-wye-dev-v1alpha1-tcproute,groups=wye.dev,versions=v1alpha1,resources=tcproutes,verbs=create;update,mutating=false,failurePolicy=ignore,timeoutSeconds=3,sideEffects=None,matchPolicy=Equivalent,admissionReviewVersions=v1,serviceName=webhook

const (
	dtabPath  = "/validate-wye-dev-v1alpha1-dtab"
	routePath = "/validate-wye-dev-v1alpha1-tcproute"
)

// maxWarnings bounds the warnings of one verdict. The API server passes on 4096
// characters, and cuts each warning at 256.
const maxWarnings = 16

// validator refuses objects of one kind that cannot be read.
type validator[T client.Object] struct {
	kind  string
	spec  func(T) any
	judge func(T) translate.Judgement
	warn  func(T) []string // of what can be read
}

func dtabs() validator[*v1alpha1.Dtab] {
	return validator[*v1alpha1.Dtab]{
		kind:  "Dtab",
		spec:  func(d *v1alpha1.Dtab) any { return d.Spec },
		judge: translate.JudgeDtab,
		warn:  oddities,
	}
}

func routes() validator[*v1alpha1.TCPRoute] {
	return validator[*v1alpha1.TCPRoute]{
		kind:  "TCPRoute",
		spec:  func(r *v1alpha1.TCPRoute) any { return r.Spec },
		judge: translate.JudgeRoute,
		warn:  leftovers,
	}
}

// leftovers are the backends of a route that lead nowhere. It may be meant, where
// server-side apply left them, and else it is a mistake.
func leftovers(r *v1alpha1.TCPRoute) []string {
	var found []string
	for i, b := range r.Spec.Backends {
		if !b.Leads() {
			found = append(found, fmt.Sprintf("spec.backends[%d]: %s has neither service nor dst, and gets no connections; "+
				"give it one, or have the owner of its name and weight let go of them, as in kubectl wye shift tcproute/%s --release", i, b.Name, r.Name))
		}
	}
	return found
}

// oddities are what a table says and hardly means.
func oddities(d *v1alpha1.Dtab) []string {
	rules, _ := translate.ReadDtab(d)
	var found []string
	for _, f := range lint.Table(rules) {
		found = append(found, fmt.Sprintf("spec.dentries[%d]: %s; %s", f.Rule, f.Message, f.Mend))
	}
	return found
}

// ValidateCreate refuses what cannot be read.
func (v validator[T]) ValidateCreate(_ context.Context, o T) (admission.Warnings, error) {
	if j := v.judge(o); !j.True {
		return nil, v.refusal(o, j.Message)
	}
	return few(v.warn(o)), nil
}

// ValidateUpdate refuses a spec that cannot be read, unless it was there before:
// a label, or a finalizer, has nothing to do with it.
func (v validator[T]) ValidateUpdate(ctx context.Context, old, o T) (admission.Warnings, error) {
	if !equality.Semantic.DeepEqual(v.spec(old), v.spec(o)) {
		return v.ValidateCreate(ctx, o)
	}
	if j := v.judge(o); !j.True {
		return few([]string{j.Message}), nil
	}
	return nil, nil
}

// ValidateDelete lets everything go.
func (v validator[T]) ValidateDelete(context.Context, T) (admission.Warnings, error) {
	return nil, nil
}

// refusal is shaped like those of the schema, so that kubectl shows it like them:
//
//	The Dtab "default" is invalid: spec.dentries[0].dst: line 1, column 6: …
//
// A judgement of a text begins with the field that it is about.
func (v validator[T]) refusal(o T, message string) error {
	field, mistake, _ := strings.Cut(message, ": ")
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusUnprocessableEntity,
		Reason:  metav1.StatusReasonInvalid,
		Message: message,
		Details: &metav1.StatusDetails{
			Group:  v1alpha1.GroupVersion.Group,
			Kind:   v.kind,
			Name:   cmp.Or(o.GetName(), o.GetGenerateName()),
			Causes: []metav1.StatusCause{{Type: metav1.CauseTypeFieldValueInvalid, Field: field, Message: mistake}},
		},
	}}
}

// few are the first warnings, each on one line, since the API server drops
// others; and how many more there are.
func few(warnings []string) admission.Warnings {
	shown := warnings
	if len(warnings) > maxWarnings {
		more := fmt.Sprintf("and %d more warnings", len(warnings)-maxWarnings+1)
		shown = append(slices.Clone(warnings[:maxWarnings-1]), more)
	}
	var lines admission.Warnings
	for _, text := range shown {
		lines = append(lines, strings.Map(spaced, text))
	}
	return lines
}

// spaced is a character as it is in one line.
func spaced(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
