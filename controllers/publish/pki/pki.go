// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pki is the operator's own certificate authority. It keeps a CA in a
// Secret that all replicas of the controller share, and gives out a TLS
// configuration to serve with and the bundle of CA certificates to verify it by;
// both follow rotation without a restart. The CA's key never leaves the Secret
// and the controller's memory; a serving key never leaves the memory.
//
// # Rotation
//
// The CA is good for a year. After two thirds of that it gets a successor, which
// signs from then on. The old CA stays in the bundle until its end, and it has
// signed the successor's key too: that second certificate goes out with every
// handshake, so that who holds the old bundle goes on to verify for the four
// months that are left, in which bundles have to reach everyone.
//
// # A CA of another's making
//
// A Secret without the label app.kubernetes.io/managed-by=wye-controller belongs
// to someone else, such as cert-manager (a Certificate with isCA: true). It is
// used as it is and never written. Its maker answers for an overlap, with
// cert-manager by rotationPolicy: Never or by a root that outlives it.
package pki

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ServerName is the name that every serving certificate carries: proxies verify
// it whatever address they dial.
const ServerName = "wye-controller"

// SecretName is the Secret that holds the CA.
const SecretName = "wye-ca"

const (
	refreshEvery = 5 * time.Minute  // how soon another replica's rotation is seen
	retryEvery   = 10 * time.Second // after an error
)

// Secrets is what the authority needs of a Kubernetes client. It must not read
// through a cache: that would ask to list every Secret of the cluster.
type Secrets interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error
}

// Options of an Authority.
type Options struct {
	Secrets   Secrets
	Namespace string // of the Secret: the controller's own
	// Names and Addresses that serving certificates carry besides ServerName,
	// such as those of the Services in front of the controller.
	Names     []string
	Addresses []net.IP
	Now       func() time.Time // nil for time.Now
	Log       logr.Logger
}

// Authority is the CA as this replica sees it.
type Authority struct {
	Options

	mu      sync.Mutex // guards the following
	serving *tls.Certificate
	renewal time.Time // when serving is to be renewed
	signer  []byte    // DER of the CA certificate that signed serving
	bundle  []byte    // PEM
	changed chan struct{}
}

// New makes an authority, which has nothing to serve with before its first Refresh.
func New(o Options) *Authority {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Authority{Options: o, changed: make(chan struct{})}
}

// Run refreshes the authority until ctx ends. Every replica runs it.
func (a *Authority) Run(ctx context.Context) error {
	for {
		wait := refreshEvery
		if err := a.Refresh(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error(err, "certificate authority")
			wait = retryEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// Refresh reads the CA, makes or rotates it when it is time to, and renews the
// serving certificate after two thirds of its life or when the CA is another.
// After an error everything stays as it was.
func (a *Authority) Refresh(ctx context.Context) error {
	now := a.Now()
	ca, err := a.obtain(ctx, now)
	if err != nil {
		return err
	}
	bundle := ca.bundle(now)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !now.Before(a.renewal) || !bytes.Equal(a.signer, ca.certificate.Raw) {
		serving, err := ca.issue(now, append([]string{ServerName}, a.Names...), a.Addresses)
		if err != nil {
			return fmt.Errorf("issue serving certificate: %w", err)
		}
		a.serving, a.signer = serving, ca.certificate.Raw
		a.renewal = twoThirds(serving.Leaf)
	}
	if !bytes.Equal(a.bundle, bundle) {
		a.bundle = bundle
		close(a.changed)
		a.changed = make(chan struct{})
	}
	return nil
}

// TLSConfig gives a configuration to serve with, which follows renewal. Before
// the first Refresh its handshakes end in an error.
func (a *Authority) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		Time:       a.Now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.serving == nil {
				return nil, errors.New("there is no serving certificate yet")
			}
			return a.serving, nil
		},
	}
}

// Bundle gives the CA certificates to verify the controller by, in PEM; nil
// before the first Refresh. It must not be changed.
func (a *Authority) Bundle() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bundle
}

// Changed is closed when the bundle changes next.
func (a *Authority) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}
