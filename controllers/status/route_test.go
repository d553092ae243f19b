// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
)

func TestRouteSaysWhatIsInForce(t *testing.T) {
	tests := []struct {
		reason  string
		verdict func(*translate.Verdict)
		proxies []publish.Proxy
		running []string
		absent  bool // nothing is published for the route
		want    []string
	}{
		{
			reason:  "everything is well",
			proxies: []publish.Proxy{{Pod: "a", Acked: 43}, {Pod: "b", Acked: 44}},
			running: []string{"a", "b"},
			want: []string{
				"Programmed True Programmed: 2 of 2 proxies serve this", "Ready True Ready: 2 of 2 proxies serve this", "2/2 rejected 0 []",
			},
		},
		{
			reason:  "one proxy lags, one is not connected, and one that is not listed does not count",
			proxies: []publish.Proxy{{Pod: "a", Acked: 43}, {Pod: "b", Acked: 41}, {Pod: "gone", Acked: 1}},
			running: []string{"a", "b", "c"},
			want: []string{
				"Programmed False Pending: 1 of 3 proxies serve this; waiting for b (acked 41, needs 43), c (not connected)",
				"Ready False Pending: 1 of 3 proxies serve this; waiting for b (acked 41, needs 43), c (not connected)", "1/3 rejected 0 [b c]",
			},
		},
		{
			reason:  "more laggards than a message names",
			running: []string{"a", "b", "c", "d", "e", "f", "g"},
			want: []string{
				"Programmed False Pending: 0 of 7 proxies serve this; waiting for a (not connected), b (not connected), c (not connected), d (not connected), e (not connected) and 2 more",
				"Ready False Pending: 0 of 7 proxies serve this; waiting for a (not connected), b (not connected), c (not connected), d (not connected), e (not connected) and 2 more",
				"0/7 rejected 0 [a b c d e]",
			},
		},
		{
			reason: "no proxy runs",
			want:   []string{"Programmed False NoProxies: the fleet has no running proxy", "Ready False NoProxies: the fleet has no running proxy", "0/0 rejected 0 []"},
		},
		{
			reason:  "a port that is taken on one proxy",
			proxies: []publish.Proxy{{Pod: "a", Acked: 43, Refused: refused(pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE, "bind: address already in use")}, {Pod: "b", Acked: 43}},
			running: []string{"a", "b"},
			want: []string{
				"Programmed False PortUnavailable: 1 of 2 proxies cannot open port 6379; a says: bind: address already in use",
				"Ready False PortUnavailable: 1 of 2 proxies cannot open port 6379; a says: bind: address already in use", "1/2 rejected 1 []",
			},
		},
		{
			reason:  "a route that all proxies refuse; a refusal of an older form says nothing",
			proxies: []publish.Proxy{{Pod: "a", Acked: 43, Refused: refused(pushv1.RefusalReason_REFUSAL_REASON_INVALID, "no such pool")}, {Pod: "b", Acked: 2, Refused: refused(pushv1.RefusalReason_REFUSAL_REASON_INVALID, "x")}},
			running: []string{"a", "b"},
			want: []string{
				"Programmed False Refused: 1 of 2 proxies refuse this; a says: no such pool",
				"Ready False Refused: 1 of 2 proxies refuse this; a says: no such pool", "0/2 rejected 1 [b]",
			},
		},
		{
			reason:  "not published yet, as by a leader that has just begun",
			running: []string{"a"},
			absent:  true,
			want: []string{
				"Programmed Unknown Pending: the newest form is not published yet",
				"Ready Unknown Pending: the newest form is not published yet", "0/1 rejected 0 []",
			},
		},
		{
			reason:  "a mistake, and the last good form goes on",
			verdict: func(v *translate.Verdict) { v.Serving = translate.ServesLastGood; v.Resolved = unresolved },
			proxies: []publish.Proxy{{Pod: "a", Acked: 43}},
			running: []string{"a"},
			want: []string{
				"ResolvedRefs False Loop: round and round", "Programmed False LastGoodForm: the proxies go on with the last good form",
				"Ready False Loop: round and round; the proxies go on with the last good form", "0/1 rejected 0 []",
			},
		},
		{
			reason: "a mistake, of which a controller that has just begun knows no good form",
			verdict: func(v *translate.Verdict) {
				v.Serving = translate.ServesRetained
				v.Resolved = unresolved
				v.Route.Status.ConfigHash = "cafe"
			},
			running: []string{"a"},
			want: []string{
				"ResolvedRefs False Loop: round and round", "Programmed False LastGoodForm: the proxies keep the form that they have",
				"Ready False Loop: round and round; the proxies keep the form that they have", "0/1 rejected 0 []",
			},
		},
		{
			reason:  "a mistake from the start",
			verdict: func(v *translate.Verdict) { v.Serving = translate.ServesRetained; v.Resolved = unresolved },
			running: []string{"a"},
			absent:  true,
			want: []string{
				"ResolvedRefs False Loop: round and round", "Programmed False NotPublished: nothing was served for this route yet",
				"Ready False Loop: round and round; nothing was served for this route yet", "0/1 rejected 0 []",
			},
		},
		{
			reason: "not accepted",
			verdict: func(v *translate.Verdict) {
				v.Serving = translate.ServesNothing
				v.Accepted = judgement{Type: "Accepted", Reason: "Conflicted", Message: "port 1 is held"}
			},
			running: []string{"a"},
			absent:  true,
			want: []string{
				"Accepted False Conflicted: port 1 is held", "Programmed False NotPublished: nothing is served for this route",
				"Ready False Conflicted: port 1 is held", "0/0 rejected 0 []",
			},
		},
		{
			reason: "programmed, but an arm has no endpoint",
			verdict: func(v *translate.Verdict) {
				v.Replicas = judgement{Type: "Ready", Reason: "NoReplicas", Message: "none"}
			},
			proxies: []publish.Proxy{{Pod: "a", Acked: 43}},
			running: []string{"a"},
			want:    []string{"Programmed True Programmed: 1 of 1 proxies serve this", "Ready False NoReplicas: none", "1/1 rejected 0 []"},
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			v := verdict()
			if test.verdict != nil {
				test.verdict(&v)
			}
			p := publish.Progress{Generation: 44, Proxies: test.proxies, Routes: map[string]publish.Route{"prod/redis": {Hash: "beef", Since: 43}}}
			if test.absent {
				p.Routes = nil
			}
			s := Route(v, p, fleet.Observed{Proxies: test.running}, at(1))
			got := append(notable(texts(s.Conditions)), fmt.Sprintf("%s rejected %d %v", s.Converged, s.Proxies.Rejected, s.Proxies.Laggards))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConditionKeepsItsTimeWhileItsStatusIsTheSame(t *testing.T) {
	v := verdict()
	o := fleet.Observed{Proxies: []string{"a", "b"}}
	routes := map[string]publish.Route{"prod/redis": {Hash: "beef", Since: 2}}
	v.Route.Status = Route(v, publish.Progress{Generation: 2, Routes: routes}, o, at(1))
	v.Route.Generation = 8
	next := Route(v, publish.Progress{Generation: 2, Routes: routes, Proxies: []publish.Proxy{{Pod: "a", Acked: 2}}}, o, at(2))
	for _, c := range next.Conditions {
		if !c.LastTransitionTime.Equal(new(at(1))) || c.ObservedGeneration != 8 {
			t.Errorf("%s: time %v, generation %d", c.Type, c.LastTransitionTime, c.ObservedGeneration)
		}
	}
	v.Route.Status = next
	next = Route(v, publish.Progress{Generation: 2, Routes: routes, Proxies: []publish.Proxy{{Pod: "a", Acked: 2}, {Pod: "b", Acked: 2}}}, o, at(3))
	want := map[string]metav1.Time{"Accepted": at(1), "ResolvedRefs": at(1), "Programmed": at(3), "Ready": at(3)}
	for _, c := range next.Conditions {
		if !c.LastTransitionTime.Equal(new(want[c.Type])) {
			t.Errorf("%s: time %v, want %v", c.Type, c.LastTransitionTime, want[c.Type])
		}
	}
}

func TestRetainedRouteKeepsWhatItsStatusSaid(t *testing.T) {
	v := verdict()
	v.Serving, v.Arms, v.Split = translate.ServesRetained, nil, ""
	v.Route.Status = v1alpha1.TCPRouteStatus{ConfigHash: "cafe", Split: "a=100%", Arms: []v1alpha1.ArmStatus{{Name: "a"}}}
	s := Route(v, publish.Progress{}, fleet.Observed{}, at(1))
	if s.ConfigHash != "cafe" || s.Split != "a=100%" || len(s.Arms) != 1 {
		t.Errorf("status %+v", s)
	}
	v.Serving = translate.ServesNothing
	s = Route(v, publish.Progress{}, fleet.Observed{}, at(1))
	if s.ConfigHash != "" || s.Split != "" || len(s.Arms) != 0 {
		t.Errorf("nothing is served, but status is %+v", s)
	}
}

func TestRouteStatusIsBounded(t *testing.T) {
	v := verdict()
	long := strings.Repeat("ü", 5000)
	v.Resolved = judgement{Type: "ResolvedRefs", Reason: "Loop", Message: long}
	v.Serving, v.Split, v.Destination = translate.ServesLastGood, long, long
	v.Arms = nil
	for range 200 {
		v.Arms = append(v.Arms, v1alpha1.ArmStatus{Name: long, Bound: long})
	}
	s := Route(v, publish.Progress{}, fleet.Observed{}, at(1))
	if len(s.Arms) != 64 || len(s.Arms[0].Name) > 256 || len(s.Arms[0].Bound) > 512 || len(s.Split) > 256 || len(s.Destination) > 256 {
		t.Errorf("%d arms, name of %d, bound of %d, split of %d, destination of %d",
			len(s.Arms), len(s.Arms[0].Name), len(s.Arms[0].Bound), len(s.Split), len(s.Destination))
	}
	for _, c := range s.Conditions {
		if len(c.Message) > 1024 {
			t.Errorf("%s: message of %d bytes", c.Type, len(c.Message))
		}
	}
	if ready := s.Conditions[3].Message; !strings.HasSuffix(ready, "…; the proxies go on with the last good form") {
		t.Errorf("a long reason hides what is served: %s", ready)
	}
}

func TestMessagesDoNotChangeWhileTheirCauseIsTheSame(t *testing.T) {
	v := verdict()
	o := fleet.Observed{Proxies: []string{"a", "b"}}
	var before []string
	for generation := uint64(50); generation < 60; generation++ {
		// Other routes change, and b stands still.
		p := publish.Progress{
			Generation: generation, Routes: map[string]publish.Route{"prod/redis": {Since: 43}},
			Proxies: []publish.Proxy{{Pod: "a", Acked: generation}, {Pod: "b", Acked: 41}},
		}
		got := texts(Route(v, p, o, at(int(generation))).Conditions)
		if before != nil && !cmp.Equal(before, got) {
			t.Fatal(cmp.Diff(before, got))
		}
		before = got
	}
}

var unresolved = judgement{Type: "ResolvedRefs", Reason: "Loop", Message: "round and round"}

// verdict is that on a route with which all is well.
func verdict() translate.Verdict {
	r := &v1alpha1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "redis", Generation: 7}}
	r.Spec.Port = 6379
	return translate.Verdict{
		Route:       r,
		Accepted:    judgement{Type: "Accepted", True: true, Reason: "Accepted", Message: "attached"},
		Resolved:    judgement{Type: "ResolvedRefs", True: true, Reason: "ResolvedRefs", Message: "every name is bound"},
		Replicas:    judgement{Type: "Ready", True: true, Reason: "Ready"},
		Serving:     translate.ServesNewest,
		Arms:        []v1alpha1.ArmStatus{{Name: "redis1"}},
		Destination: "/svc/redis",
		Split:       "redis1=100%",
	}
}

func refused(reason pushv1.RefusalReason, message string) map[string]*pushv1.Refusal {
	return map[string]*pushv1.Refusal{"prod/redis": {Reason: reason, Message: message, Resource: &pushv1.ResourceName{Name: "prod/redis"}}}
}

func texts(conditions []metav1.Condition) []string {
	var list []string
	for _, c := range conditions {
		list = append(list, strings.TrimSuffix(fmt.Sprintf("%s %s %s: %s", c.Type, c.Status, c.Reason, c.Message), ": "))
	}
	return list
}

// notable leaves out what says that all is well so far.
func notable(texts []string) []string {
	return slices.DeleteFunc(texts, func(text string) bool {
		return strings.HasPrefix(text, "Accepted True") || strings.HasPrefix(text, "ResolvedRefs True")
	})
}

func at(second int) metav1.Time { return metav1.Time{Time: time.Unix(int64(1_800_000_000+second), 0)} }
