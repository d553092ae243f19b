// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/translate"
)

func table(rules ...v1alpha1.Dentry) *v1alpha1.Dtab {
	d := &v1alpha1.Dtab{Spec: v1alpha1.DtabSpec{Dentries: rules}}
	d.Name, d.Namespace = "default", "prod"
	return d
}

func route(spec v1alpha1.TCPRouteSpec) *v1alpha1.TCPRoute {
	r := &v1alpha1.TCPRoute{Spec: spec}
	r.Name, r.Namespace = "redis", "prod"
	return r
}

var (
	good = v1alpha1.Dentry{Prefix: "/svc/redis", Dst: "9 * /#/io.l5d.fs/redis1 & 1 * /#/io.l5d.fs/redis2"}
	bad  = v1alpha1.Dentry{Prefix: "/svc", Dst: "/a |\n | /b"}
)

func TestWhatCannotBeReadIsRefusedInTheWordsOfItsStatus(t *testing.T) {
	g := newRig(t)
	for _, test := range []struct {
		reason string
		object client.Object
		kind   string
		field  string
	}{
		{"a destination", table(good, bad), "Dtab", "spec.dentries[1].dst"},
		{"a prefix", table(v1alpha1.Dentry{Prefix: "/svc/", Dst: "/a"}), "Dtab", "spec.dentries[0].prefix"},
		{"several rules", table(bad, good, bad, bad), "Dtab", "spec.dentries[0].dst"},
		{"a route's name", route(v1alpha1.TCPRouteSpec{Dst: "/svc//redis"}), "TCPRoute", "spec.dst"},
		{
			"a backend's name",
			route(v1alpha1.TCPRouteSpec{Backends: []v1alpha1.Backend{{Name: "new", Dst: "/svc?"}}}),
			"TCPRoute", `spec.backends[0].dst (backend "new")`,
		},
	} {
		path, want := verdict(test.object)
		got := g.review(path, admissionv1.Create, nil, test.object)
		if got.Allowed || got.Result.Code != http.StatusUnprocessableEntity || got.Result.Reason != metav1.StatusReasonInvalid {
			t.Errorf("%s: %+v", test.reason, got)
			continue
		}
		if diff := cmp.Diff(want.Message, got.Result.Message); diff != "" || want.True {
			t.Errorf("%s (-status +webhook):\n%s", test.reason, diff)
		}
		details := got.Result.Details
		if details.Kind != test.kind || details.Name != test.object.GetName() || details.Causes[0].Field != test.field {
			t.Errorf("%s: details %+v", test.reason, details)
		}
	}
}

// verdict is what the status will say, and the path to ask at.
func verdict(o client.Object) (path string, j translate.Judgement) {
	if d, ok := o.(*v1alpha1.Dtab); ok {
		return dtabPath, translate.JudgeDtab(d)
	}
	return routePath, translate.JudgeRoute(o.(*v1alpha1.TCPRoute))
}

func TestWhatCanBeReadPasses(t *testing.T) {
	g := newRig(t)
	for _, object := range []client.Object{
		table(), table(good),
		route(v1alpha1.TCPRouteSpec{Dst: "/svc/redis"}),
		route(v1alpha1.TCPRouteSpec{Backends: []v1alpha1.Backend{{Name: "a", Service: &v1alpha1.ServiceReference{Name: "a"}}}}),
	} {
		path, _ := verdict(object)
		if got := g.review(path, admissionv1.Create, nil, object); !got.Allowed || got.Warnings != nil {
			t.Errorf("%+v: %+v", object, got)
		}
	}
}

func TestOnlyAChangeOfTheSpecIsRefused(t *testing.T) {
	g := newRig(t)
	labelled := table(bad)
	labelled.Labels = map[string]string{"team": "a"}
	for _, test := range []struct {
		reason   string
		old, new *v1alpha1.Dtab
		allowed  bool
		warnings []string
	}{
		{"from good to bad", table(good), table(good, bad), false, nil},
		{"from bad to worse", table(bad), table(bad, bad), false, nil},
		{"from bad to good", table(bad), table(good), true, nil},
		{"from bad to nothing", table(bad), table(), true, nil},
		{"a label on what is bad", table(bad), labelled, true, []string{"spec.dentries[0].dst: line 2, column 2: simple expected but '|' found at '/a |  [|] /b'; write a single | between alternatives"}},
		{"nothing at all", table(good), table(good), true, nil},
	} {
		got := g.review(dtabPath, admissionv1.Update, test.old, test.new)
		if diff := cmp.Diff(test.warnings, got.Warnings); diff != "" || got.Allowed != test.allowed {
			t.Errorf("%s: %+v\n%s", test.reason, got, diff)
		}
	}
}

func TestDeletesPass(t *testing.T) {
	g := newRig(t)
	for _, object := range []client.Object{table(bad), route(v1alpha1.TCPRouteSpec{Dst: "no name"})} {
		path, _ := verdict(object)
		if got := g.review(path, admissionv1.Delete, object, nil); !got.Allowed {
			t.Errorf("%+v", got)
		}
	}
}

func TestLintsAreWarnings(t *testing.T) {
	g := newRig(t)
	dead := v1alpha1.Dentry{Prefix: "/svc/new", Dst: "/cluster/redis3"}
	const warning = "spec.dentries[1]: no rule matches /cluster/redis3 or a name below it, so it is bound to nothing; add a rule for it, or correct the name"
	for _, test := range []struct {
		reason   string
		table    *v1alpha1.Dtab
		allowed  bool
		warnings int
		last     string
	}{
		{"one", table(good, dead), true, 1, warning},
		{"as many as are shown", odd(maxWarnings), true, maxWarnings, "spec.dentries[15]: "},
		{"more than are shown", odd(maxWarnings + 4), true, maxWarnings, "and 5 more warnings"},
		{"of what cannot be read", table(dead, bad), false, 0, ""},
	} {
		got := g.review(dtabPath, admissionv1.Create, nil, test.table)
		if got.Allowed != test.allowed || len(got.Warnings) != test.warnings {
			t.Errorf("%s: %+v", test.reason, got)
		} else if n := len(got.Warnings); n > 0 && !strings.HasPrefix(got.Warnings[n-1], test.last) {
			t.Errorf("%s: the last is %q, want %q", test.reason, got.Warnings[n-1], test.last)
		}
	}
}

func TestABackendThatLeadsNowhereIsAWarning(t *testing.T) {
	g := newRig(t)
	whole := route(v1alpha1.TCPRouteSpec{Backends: []v1alpha1.Backend{{Name: "a", Dst: "/a"}, {Name: "b", Dst: "/b"}}})
	less := whole.DeepCopy()
	less.Spec.Backends[1].Dst = ""
	got := g.review(routePath, admissionv1.Update, whole, less)
	want := []string{"spec.backends[1]: b has neither service nor dst, and gets no connections; " +
		"give it one, or have the owner of its name and weight let go of them, as in kubectl wye shift tcproute/redis --release"}
	if diff := cmp.Diff(want, got.Warnings); diff != "" || !got.Allowed {
		t.Errorf("%+v\n%s", got, diff)
	}
}

// odd is a table of rules of which each leads nowhere.
func odd(rules int) *v1alpha1.Dtab {
	d := table()
	for i := range rules {
		d.Spec.Dentries = append(d.Spec.Dentries, v1alpha1.Dentry{Prefix: fmt.Sprint("/svc/", i), Dst: "/nowhere"})
	}
	return d
}
