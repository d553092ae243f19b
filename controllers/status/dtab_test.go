// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
)

func TestDtabSaysHowFarItIsInForce(t *testing.T) {
	tests := []struct {
		reason string
		dst    string // of the only rule; /a when empty
		uses   []Use
		want   []string
	}{
		{
			reason: "not used",
			uses:   []Use{use(nil, using("other"))},
			want: []string{
				"Accepted True Accepted: every rule can be read", "Programmed True NotUsed: no route that is served uses this table",
				"Ready True Ready: no route that is served uses this table", "routes 0, 0/0 rejected 0 []",
			},
		},
		{
			reason: "a mistake",
			dst:    "/a &",
			want: []string{
				"Accepted False Invalid: spec.dentries[0].dst: line 1, column 5: simple expected but end of input found at '/a &[]'; write a destination: a path such as /a/b, or !, ~ or $",
				"Programmed False NotUsed: no route that is served uses this table",
				"Ready False Invalid: spec.dentries[0].dst: line 1, column 5: simple expected but end of input found at '/a &[]'; write a destination: a path such as /a/b, or !, ~ or $",
				"routes 0, 0/0 rejected 0 []",
			},
		},
		{
			reason: "a mistake, and routes that go on without it",
			dst:    "/a &",
			uses:   []Use{use([]publish.Proxy{{Pod: "a", Acked: 9}}, serving(using("default"), translate.ServesLastGood))},
			want: []string{
				"Accepted False Invalid: spec.dentries[0].dst: line 1, column 5: simple expected but end of input found at '/a &[]'; write a destination: a path such as /a/b, or !, ~ or $",
				"Programmed False LastGoodForm: TCPRoute prod/default does not follow this table: the table has a mistake",
				"Ready False Invalid: spec.dentries[0].dst: line 1, column 5: simple expected but end of input found at '/a &[]'; write a destination: a path such as /a/b, or !, ~ or $",
				"routes 1, 0/1 rejected 0 []",
			},
		},
		{
			reason: "all proxies of two fleets",
			uses: []Use{
				use([]publish.Proxy{{Pod: "a", Acked: 9}, {Pod: "b", Acked: 9}}, using("default"), using("other")),
				use([]publish.Proxy{{Pod: "c", Acked: 9}}, using("default")),
			},
			want: []string{
				"Accepted True Accepted: every rule can be read", "Programmed True Programmed: 3 of 3 proxies serve this",
				"Ready True Ready: 3 of 3 proxies serve this", "routes 2, 3/3 rejected 0 []",
			},
		},
		{
			reason: "a laggard in one fleet; the routes of another table play no part",
			uses: []Use{
				use([]publish.Proxy{{Pod: "a", Acked: 9}}, using("default")),
				use([]publish.Proxy{{Pod: "c", Acked: 8}}, using("default")),
				use([]publish.Proxy{{Pod: "d", Acked: 1}}, using("other")),
			},
			want: []string{
				"Accepted True Accepted: every rule can be read",
				"Programmed False Pending: 1 of 2 proxies serve this; waiting for c (acked 8, needs 9)",
				"Ready False Pending: 1 of 2 proxies serve this; waiting for c (acked 8, needs 9)", "routes 2, 1/2 rejected 0 [c]",
			},
		},
		{
			reason: "a port that is taken",
			uses: []Use{use([]publish.Proxy{{Pod: "a", Acked: 9, Refused: map[string]*pushv1.Refusal{
				"prod/default": {Reason: pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE, Message: "in use"},
			}}}, using("default"))},
			want: []string{
				"Accepted True Accepted: every rule can be read",
				"Programmed False PortUnavailable: 1 of 1 proxies cannot open the port; a says: in use",
				"Ready False PortUnavailable: 1 of 1 proxies cannot open the port; a says: in use", "routes 1, 0/1 rejected 1 []",
			},
		},
		{
			reason: "two routes go round in circles",
			uses: []Use{use([]publish.Proxy{{Pod: "a", Acked: 9}},
				looping(serving(using("default"), translate.ServesRetained)), looping(serving(using("default"), translate.ServesLastGood)))},
			want: []string{
				"Accepted True Accepted: every rule can be read",
				"Programmed False LastGoodForm: TCPRoute prod/default does not follow this table: round and round; and 1 more",
				"Ready False LastGoodForm: TCPRoute prod/default does not follow this table: round and round; and 1 more", "routes 2, 0/1 rejected 0 []",
			},
		},
		{
			reason: "a route whose port another one has is no affair of the table",
			uses:   []Use{use([]publish.Proxy{{Pod: "a", Acked: 9}}, serving(using("default"), translate.ServesNothing))},
			want: []string{
				"Accepted True Accepted: every rule can be read", "Programmed True NotUsed: no route that is served uses this table",
				"Ready True Ready: no route that is served uses this table", "routes 1, 0/0 rejected 0 []",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			d := &v1alpha1.Dtab{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "default", Generation: 3}}
			d.Spec.Dentries = []v1alpha1.Dentry{{Prefix: "/svc", Dst: "/a"}}
			if test.dst != "" {
				d.Spec.Dentries[0].Dst = test.dst
			}
			s := Dtab(d, test.uses, at(1))
			got := append(texts(s.Conditions), fmt.Sprintf("routes %d, %s rejected %d %v", s.Routes, s.Converged, s.Proxies.Rejected, s.Proxies.Laggards))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// use is a fleet that published the routes of its verdicts in generation 9.
func use(proxies []publish.Proxy, verdicts ...translate.Verdict) Use {
	u := Use{Verdicts: verdicts, Progress: publish.Progress{Generation: 9, Proxies: proxies, Routes: map[string]publish.Route{}}}
	for _, v := range verdicts {
		u.Progress.Routes["prod/"+v.Route.Name] = publish.Route{Since: 9}
	}
	u.Observed = fleet.Observed{}
	for _, p := range proxies {
		u.Observed.Proxies = append(u.Observed.Proxies, p.Pod)
	}
	return u
}

// using is the verdict on a route that is called as its Dtab.
func using(dtab string) translate.Verdict {
	v := verdict()
	v.Route.Name = dtab
	v.Dtab = &types.NamespacedName{Namespace: "prod", Name: dtab}
	return v
}

func serving(v translate.Verdict, s translate.Serving) translate.Verdict {
	v.Serving = s
	return v
}

func looping(v translate.Verdict) translate.Verdict {
	v.Resolved = unresolved
	return v
}
