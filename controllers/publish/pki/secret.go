// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "wye-controller"
)

// attempts at writing the Secret while other replicas write it too.
const attempts = 5

// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,resourceNames=wye-ca,verbs=get;update

// obtain gives the CA to sign with now: the one in the Secret, or a new one that
// it has put there. When another replica was faster, that one's CA is taken.
func (a *Authority) obtain(ctx context.Context, now time.Time) (*authority, error) {
	name := fmt.Sprintf("secret %s/%s", a.Namespace, SecretName)
	for range attempts {
		ca, err := a.attempt(ctx, now)
		if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("CA in %s: %w", name, err)
		}
		return ca, nil
	}
	return nil, fmt.Errorf("CA in %s: others keep writing it", name)
}

// attempt does one round of read, decide, write:
//  1. no Secret: make a CA and create it;
//  2. a Secret of another's making: use it;
//  3. ours, and young enough: use it;
//  4. ours, and past two thirds of its life: put a successor in its place.
func (a *Authority) attempt(ctx context.Context, now time.Time) (*authority, error) {
	var secret corev1.Secret
	err := a.Secrets.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: SecretName}, &secret)
	if apierrors.IsNotFound(err) {
		return a.create(ctx, now)
	}
	if err != nil {
		return nil, err
	}
	ca, err := parseAuthority(secret.Data)
	if err != nil {
		return nil, fmt.Errorf("%w; put it right, or delete it to have a new CA made", err)
	}
	ours := secret.Labels[managedByLabel] == managedBy
	if !ours && !now.Before(ca.certificate.NotAfter) {
		return nil, errors.New("it has expired, and whoever made it has to renew it")
	}
	if !ours || now.Before(twoThirds(ca.certificate)) {
		return ca, nil
	}
	successor, err := ca.succeed(now)
	if err != nil {
		return nil, err
	}
	if secret.Data, err = successor.encode(now); err != nil {
		return nil, err
	}
	if err := a.Secrets.Update(ctx, &secret); err != nil {
		return nil, err
	}
	a.Log.Info("certificate authority rotated", "until", successor.certificate.NotAfter)
	return successor, nil
}

func (a *Authority) create(ctx context.Context, now time.Time) (*authority, error) {
	ca, err := newAuthority(now)
	if err != nil {
		return nil, err
	}
	data, err := ca.encode(now)
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: a.Namespace,
			Name:      SecretName,
			Labels:    map[string]string{managedByLabel: managedBy, "app.kubernetes.io/part-of": "wye"},
		},
		Type: corev1.SecretTypeTLS,
		Data: data,
	}
	if err := a.Secrets.Create(ctx, secret); err != nil {
		return nil, err
	}
	a.Log.Info("certificate authority made", "until", ca.certificate.NotAfter)
	return ca, nil
}
