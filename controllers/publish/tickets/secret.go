// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tickets

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SecretName is the Secret that holds the keys.
const SecretName = "wye-ticket-keys"

// Keys of the Secret.
const (
	dataKeys  = "keys"  // all of them, one after the other, in the order of their use
	dataSince = "since" // when the first began to seal, as in RFC 3339
)

// attempts at writing the Secret while somebody else writes it too.
const attempts = 5

// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,resourceNames=wye-ticket-keys,verbs=get;update

// keys is what the Secret says.
type keys struct {
	list  [][]byte // the one that seals, the next, and the one before
	since time.Time
}

// newKeys makes keys.
func newKeys(now time.Time) *keys {
	k := &keys{since: now}
	for range count {
		k.list = append(k.list, draw())
	}
	return k
}

// draw is a new key.
func draw() []byte {
	key := make([]byte, Size)
	_, _ = rand.Read(key) // never fails
	return key
}

// rotate has the next key seal.
func (k *keys) rotate(now time.Time) *keys {
	return &keys{list: [][]byte{k.list[1], draw(), k.list[0]}, since: now}
}

// due tells whether the keys are to be rotated. Those of a time to come are: clocks differ
// by less.
func (k *keys) due(now time.Time) bool {
	return now.Sub(k.since) >= life || k.since.Sub(now) >= life
}

func (k *keys) equal(o *keys) bool {
	return o != nil && slices.EqualFunc(k.list, o.list, bytes.Equal)
}

func (k *keys) encode() map[string][]byte {
	return map[string][]byte{dataKeys: bytes.Join(k.list, nil), dataSince: []byte(k.since.UTC().Format(time.RFC3339))}
}

func parse(data map[string][]byte) (*keys, error) {
	if n := len(data[dataKeys]); n != count*Size {
		return nil, fmt.Errorf("%s has %d bytes, not %d; delete the Secret to have keys made anew", dataKeys, n, count*Size)
	}
	since, err := time.Parse(time.RFC3339, string(data[dataSince]))
	if err != nil {
		return nil, fmt.Errorf("%s is no time; delete the Secret to have keys made anew", dataSince)
	}
	return &keys{list: slices.Collect(slices.Chunk(data[dataKeys], Size)), since: since}, nil
}

// obtain gives the keys of now: those in the Secret, or those that it has put there.
func (k *Keeper) obtain(ctx context.Context, now time.Time) (*keys, error) {
	for range attempts {
		keys, err := k.attempt(ctx, now)
		if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ticket keys in secret %s/%s: %w", k.Namespace, SecretName, err)
		}
		return keys, nil
	}
	return nil, fmt.Errorf("ticket keys in secret %s/%s: somebody else keeps writing it", k.Namespace, SecretName)
}

// attempt does one round of read, decide, write.
func (k *Keeper) attempt(ctx context.Context, now time.Time) (*keys, error) {
	var secret corev1.Secret
	err := k.Secrets.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: SecretName}, &secret)
	if apierrors.IsNotFound(err) {
		return k.create(ctx, now)
	}
	if err != nil {
		return nil, err
	}
	before, err := parse(secret.Data)
	if err != nil || !before.due(now) {
		return before, err
	}
	next := before.rotate(now)
	secret.Data = next.encode()
	if err := k.Secrets.Update(ctx, &secret); err != nil {
		return nil, err
	}
	k.Log.Info("ticket keys rotated")
	return next, nil
}

func (k *Keeper) create(ctx context.Context, now time.Time) (*keys, error) {
	made := newKeys(now)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: k.Namespace,
			Name:      SecretName,
			Labels:    map[string]string{"app.kubernetes.io/managed-by": "wye-controller", "app.kubernetes.io/part-of": "wye"},
		},
		Type: corev1.SecretTypeOpaque,
		Data: made.encode(),
	}
	if err := k.Secrets.Create(ctx, secret); err != nil {
		return nil, err
	}
	k.Log.Info("ticket keys made")
	return made, nil
}
