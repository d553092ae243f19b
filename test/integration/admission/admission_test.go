// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/translate"
	"github.com/wye-dev/wye/controllers/webhook"
)

// wrong is an object that cannot be read.
type wrong struct {
	client.Object
	file    string
	says    string // how kubectl begins
	verdict string
}

// The verdicts, word for word: what users see.
const (
	tableVerdict = "spec.dentries[1].dst: line 2, column 3: '*' expected but '/' found at '9 * /cluster/redis1 &\n1 [/] /cluster/redis2\n'; write a star after the weight, as in 9 * /a & 1 * /b; a weight is a plain number, such as 99 or 0.5; one more rule is wrong"
	routeVerdict = `spec.backends[1].dst (backend "new"): line 1, column 12: label char expected but end of input found at '/svc/redis/[]'; remove the slash at the end: a path is /a/b, with something after each slash`
)

func TestTextsThatDoNotParse(t *testing.T) {
	c := newCluster(t)
	c.apply(t, "fleet.yaml")
	d, r := &v1alpha1.Dtab{}, &v1alpha1.TCPRoute{}
	both := []wrong{
		{d, load(t, "table.yaml", d), `The Dtab "default" is invalid: `, tableVerdict},
		{r, load(t, "route.yaml", r), `The TCPRoute "redis" is invalid: `, routeVerdict},
	}
	if diff := cmp.Diff([]string{tableVerdict, routeVerdict}, []string{translate.JudgeDtab(d).Message, translate.JudgeRoute(r).Message}); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}

	stop := c.operate(t)
	t.Run("AreRefusedAtApply", func(t *testing.T) { c.refuses(t, both) })
	t.Run("WhatIsOddPassesWithAWarning", func(t *testing.T) { c.warns(t) })
	t.Run("TheBundleIsPutRight", func(t *testing.T) { c.putsBundleRight(t) })
	stop()
	t.Run("PassWhileTheWebhookIsAway", func(t *testing.T) { c.passes(t, both) })
	c.operate(t)
	t.Run("AreToldOfInTheStatus", func(t *testing.T) { c.tells(t, both) })
	t.Run("AreLeftInPeace", func(t *testing.T) { c.leavesInPeace(t, both) })
}

// refuses applies in the three ways that there are. That the webhook is there
// shows when a dry run is refused.
func (c *cluster) refuses(t *testing.T, both []wrong) {
	for _, w := range both {
		c.eventually(t, w.file+" is refused", func() error {
			if out, err := c.try(t, "apply", "--dry-run=server", "--filename="+w.file); err == nil {
				return fmt.Errorf("it passed: %s", out)
			}
			return nil
		})
		for _, how := range [][]string{{"apply"}, {"apply", "--server-side"}, {"create"}} {
			out, err := c.try(t, append(how, "--filename="+w.file)...)
			if diff := cmp.Diff(w.says+w.verdict+"\n", out); diff != "" || err == nil {
				t.Errorf("kubectl %s: error %v (-want +got):\n%s", how, err, diff)
			}
		}
		if err := c.admin.Get(t.Context(), client.ObjectKeyFromObject(w), empty(w)); client.IgnoreNotFound(err) != nil || err == nil {
			t.Errorf("%s after a refusal: %v", w.file, err)
		}
	}
}

// warns applies a table that can be read and leads nowhere.
func (c *cluster) warns(t *testing.T) {
	out, err := c.try(t, "apply", "--filename="+filepath.Join("testdata", "odd.yaml"))
	const warning = "Warning: spec.dentries[0]: no rule matches /cluster/redis3 or a name below it"
	if err != nil || !strings.HasPrefix(out, warning) {
		t.Errorf("%v: %s", err, out)
	}
}

// putsBundleRight has others write the bundle, and apply the configuration anew.
func (c *cluster) putsBundleRight(t *testing.T) {
	ours := c.configuration(t).Webhooks[0].ClientConfig.CABundle
	c.configure(t, func(hook *admissionv1.ValidatingWebhook) { hook.ClientConfig.CABundle = nil })
	c.eventually(t, "the bundle is back", func() error {
		for _, hook := range c.configuration(t).Webhooks {
			if !bytes.Equal(ours, hook.ClientConfig.CABundle) {
				return fmt.Errorf("%s has the bundle %q", hook.Name, hook.ClientConfig.CABundle)
			}
		}
		return nil
	})
	configuration := c.configuration(t)
	i := slices.IndexFunc(configuration.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == "wye-controller" })
	if i < 0 {
		t.Fatalf("the controller owns nothing of %+v", configuration.ManagedFields)
	}
	const owned = `{"f:webhooks":{"k:{\"name\":\"dtabs.wye.dev\"}":{".":{},"f:clientConfig":{"f:caBundle":{}},"f:name":{}},` +
		`"k:{\"name\":\"tcproutes.wye.dev\"}":{".":{},"f:clientConfig":{"f:caBundle":{}},"f:name":{}}}}`
	if diff := cmp.Diff(owned, string(configuration.ManagedFields[i].FieldsV1.GetRawBytes())); diff != "" {
		t.Errorf("what the controller owns (-want +got):\n%s", diff)
	}
}

// passes applies what was refused before.
func (c *cluster) passes(t *testing.T, both []wrong) {
	for _, w := range both {
		if out, err := c.try(t, "apply", "--filename="+w.file); err != nil {
			t.Errorf("%s: %v: %s", w.file, err, out)
		}
	}
}

// tells waits for the verdict in the status, in the same words.
func (c *cluster) tells(t *testing.T, both []wrong) {
	for _, w := range both {
		c.eventually(t, w.file+" has its verdict", func() error {
			o := empty(w)
			if err := c.admin.Get(t.Context(), client.ObjectKeyFromObject(w), o); err != nil {
				return err
			}
			accepted := meta.FindStatusCondition(conditions(o), v1alpha1.ConditionAccepted)
			if accepted == nil || accepted.Status != metav1.ConditionFalse || accepted.Reason != v1alpha1.ReasonInvalid || accepted.Message != w.verdict {
				return fmt.Errorf("accepted: %+v", accepted)
			}
			return nil
		})
	}
}

// leavesInPeace changes what was let through, but not its spec, and deletes it.
func (c *cluster) leavesInPeace(t *testing.T, both []wrong) {
	for _, w := range both {
		c.eventually(t, "the webhook is back", func() error {
			if out, err := c.try(t, "create", "--dry-run=server", "--filename="+w.file); err == nil || !strings.Contains(out, "is invalid") {
				return fmt.Errorf("kubectl says: %s", out)
			}
			return nil
		})
		out, err := c.try(t, "label", "--filename="+w.file, "seen=yes")
		warning := "Warning: " + strings.ReplaceAll(w.verdict, "\n", " ") // which are one line
		if err != nil || !strings.Contains(out, warning) {
			t.Errorf("label %s: %v: %s", w.file, err, out)
		}
		if out, err := c.try(t, "delete", "--wait=false", "--filename="+w.file); err != nil {
			t.Errorf("delete %s: %v: %s", w.file, err, out)
		}
	}
}

func load(t *testing.T, name string, o client.Object) (file string) {
	t.Helper()
	file = filepath.Join("testdata", name)
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, yaml.UnmarshalStrict(text, o))
	return file
}

// empty is a new object of the same kind.
func empty(w wrong) client.Object {
	if _, ok := w.Object.(*v1alpha1.Dtab); ok {
		return &v1alpha1.Dtab{}
	}
	return &v1alpha1.TCPRoute{}
}

func conditions(o client.Object) []metav1.Condition {
	if d, ok := o.(*v1alpha1.Dtab); ok {
		return d.Status.Conditions
	}
	return o.(*v1alpha1.TCPRoute).Status.Conditions
}

// configuration is what the API server knows of the webhook.
func (c *cluster) configuration(t *testing.T) *admissionv1.ValidatingWebhookConfiguration {
	t.Helper()
	var found admissionv1.ValidatingWebhookConfiguration
	must(t, c.admin.Get(t.Context(), webhook.Key(), &found))
	return &found
}

// configure changes that.
func (c *cluster) configure(t *testing.T, change func(*admissionv1.ValidatingWebhook)) {
	t.Helper()
	c.eventually(t, "the configuration is written", func() error {
		configuration := c.configuration(t)
		for i := range configuration.Webhooks {
			change(&configuration.Webhooks[i])
		}
		return c.admin.Update(t.Context(), configuration)
	})
}
