// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/wye-dev/wye/api/v1alpha1"
)

func TestNameIsADNSLabelAndUnique(t *testing.T) {
	long := strings.Repeat("a", 253)
	for _, c := range []struct{ fleet, want, reason string }{
		{"edge", "wye-edge", "short names stay as they are"},
		{strings.Repeat("a", 59), "wye-" + strings.Repeat("a", 59), "63 bytes fit"},
		{strings.Repeat("a", 60), "wye-" + strings.Repeat("a", 50) + "-11ee3912", "64 bytes do not"},
		{"a.b", "wye-a-b-2e7336dc", "a dot is not for a Service"},
	} {
		got := Name(c.fleet)
		if problems := validation.IsDNS1035Label(got); len(problems) > 0 {
			t.Errorf("Name(%q) = %q: %v", c.fleet, got, problems)
		}
		if got != c.want {
			t.Errorf("Name(%q) = %q, want %q: %s", c.fleet, got, c.want, c.reason)
		}
	}
	seen := map[string]string{}
	for _, fleet := range []string{"a.b", "a-b", "a", "a.config", "a-config", long, long[1:], long[:200] + "b"} {
		for _, name := range []string{Name(fleet), ConfigName(fleet)} {
			if other, taken := seen[name]; taken {
				t.Errorf("%q and %q share the name %q", fleet, other, name)
			}
			seen[name] = fleet
		}
	}
}

func TestOfFindsTheFleetOfWhatWasMadeForIt(t *testing.T) {
	for _, name := range []string{"edge", "a.b", strings.Repeat("a", 63), strings.Repeat("a", 253)} {
		f := &v1alpha1.ProxyFleet{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: name}}
		for key, value := range Labels(name) {
			if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
				t.Errorf("label %s of %q: %v", key, name, problems)
			}
		}
		got, ok := Of(&corev1.Service{ObjectMeta: Meta(f)})
		if want := (types.NamespacedName{Namespace: "prod", Name: name}); !ok || got != want {
			t.Errorf("Of = %v %v, want %v", got, ok, want)
		}
	}
	if key, ok := Of(&corev1.Service{}); ok {
		t.Errorf("an object of nobody is of %v", key)
	}
}

func TestReplicasAndDrainHaveDefaults(t *testing.T) {
	for _, c := range []struct {
		reason   string
		spec     v1alpha1.ProxyFleetSpec
		replicas int32
	}{
		{"nothing set", v1alpha1.ProxyFleetSpec{}, 2},
		{"none wanted", v1alpha1.ProxyFleetSpec{Replicas: new(int32(0))}, 0},
		{"autoscaled from its least", v1alpha1.ProxyFleetSpec{Autoscaling: &v1alpha1.Autoscaling{MinReplicas: new(int32(3)), MaxReplicas: 9}}, 3},
		{"the default least is not above the most", v1alpha1.ProxyFleetSpec{Autoscaling: &v1alpha1.Autoscaling{MaxReplicas: 1}}, 1},
	} {
		if got := Replicas(&v1alpha1.ProxyFleet{Spec: c.spec}); got != c.replicas {
			t.Errorf("%s: %d replicas, want %d", c.reason, got, c.replicas)
		}
	}
	f := &v1alpha1.ProxyFleet{}
	if delay, deadline := Drain(f); delay != 5*time.Second || deadline != 30*time.Second {
		t.Errorf("drain %s %s", delay, deadline)
	}
	f.Spec.Drain = &v1alpha1.Drain{Delay: &metav1.Duration{}, Deadline: &metav1.Duration{Duration: time.Hour}}
	if delay, deadline := Drain(f); delay != 0 || deadline != time.Hour {
		t.Errorf("drain %s %s", delay, deadline)
	}
}

func TestProxiesThatAreStillStartingAreNotExpectedYet(t *testing.T) {
	now := time.Unix(1000, 0)
	var o Observed
	o.Add("c", true, now, now)
	o.Add("b", false, now.Add(-startupGrace), now)
	o.Add("d", false, now.Add(-startupGrace/2), now)
	o.Add("a", true, now.Add(-time.Hour), now)
	o.Add("e", false, now, now)
	o.Add("f", false, time.Time{}, now)
	want := Observed{Proxies: []string{"a", "b", "c", "f"}, Ready: 2, Recheck: startupGrace / 2}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
}

func TestFlagsLeaveOutWhatIsNotSet(t *testing.T) {
	got := Flags{Controller: "c:1", Pod: "p", DrainDelay: 5 * time.Second}.Args()
	want := []string{"--controller", "c:1", "--pod", "p", "--drain-delay", "5s", "--drain-deadline", "0s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
