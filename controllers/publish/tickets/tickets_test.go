// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tickets

import (
	"bytes"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// rig is a store of Secrets, a clock, and how often keepers said that keys changed.
type rig struct {
	t       *testing.T
	secrets client.Client
	now     time.Time
	changed int
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, secrets: fake.NewClientBuilder().Build(), now: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (r *rig) keeper() *Keeper {
	return New(Options{
		Secrets: r.secrets, Namespace: "wye-system",
		Changed: func() { r.changed++ }, Now: func() time.Time { return r.now },
	})
}

// after is the keys of fleet "a" when some time is over.
func (r *rig) after(d time.Duration, k *Keeper) [][]byte {
	r.t.Helper()
	r.now = r.now.Add(d)
	if err := k.Refresh(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return k.Of("a")
}

func TestTheNextKeyIsKnownBeforeItSeals(t *testing.T) {
	r := newRig(t)
	k := r.keeper()
	if k.Of("a") != nil {
		t.Fatal("there are keys before any are known")
	}
	before := r.after(0, k)
	if len(before) != 3 || len(before[0]) != Size {
		t.Fatalf("%d keys", len(before))
	}
	for i, key := range before {
		if slices.ContainsFunc(before[:i], func(o []byte) bool { return bytes.Equal(o, key) }) {
			t.Fatal("two keys are the same")
		}
	}
	same := func(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
	if !same(before, r.after(life-time.Second, k)) || r.changed != 1 {
		t.Error("keys are rotated before their time")
	}
	for range 4 {
		now := r.after(life, k)
		if !bytes.Equal(now[0], before[1]) || !bytes.Equal(now[2], before[0]) {
			t.Fatal("the one that seals is not the one that was to be next, or the one before is forgotten")
		}
		before = now
	}
}

func TestASuccessorHasTheSameKeys(t *testing.T) {
	r := newRig(t)
	first := r.after(0, r.keeper())
	k := r.keeper()
	if got := r.after(time.Hour, k); !slices.EqualFunc(first, got, bytes.Equal) {
		t.Error("another leader has other keys")
	}
	if got := k.Of("b"); bytes.Equal(first[0], got[0]) {
		t.Error("two fleets have the same keys")
	}
	var secret corev1.Secret
	if err := r.secrets.Get(t.Context(), client.ObjectKey{Namespace: "wye-system", Name: SecretName}, &secret); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(secret.Data[dataKeys], first[0]) {
		t.Error("a fleet's key is kept as it is")
	}
}

func TestKeysThatCannotBeReadAreNotReplaced(t *testing.T) {
	r := newRig(t)
	k := r.keeper()
	before := r.after(0, k)
	var secret corev1.Secret
	key := client.ObjectKey{Namespace: "wye-system", Name: SecretName}
	if err := r.secrets.Get(t.Context(), key, &secret); err != nil {
		t.Fatal(err)
	}
	secret.Data[dataKeys] = secret.Data[dataKeys][1:]
	if err := r.secrets.Update(t.Context(), &secret); err != nil {
		t.Fatal(err)
	}
	if err := k.Refresh(t.Context()); err == nil {
		t.Error("no error")
	}
	if !slices.EqualFunc(before, k.Of("a"), bytes.Equal) {
		t.Error("the keys of before are forgotten")
	}
	if err := r.secrets.Delete(t.Context(), &secret); err != nil {
		t.Fatal(err)
	}
	if slices.EqualFunc(before, r.after(0, k), bytes.Equal) {
		t.Error("no new keys are made")
	}
}
