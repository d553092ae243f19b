// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Two years of refreshes: who takes the bundle when it changes always verifies,
// and so does who took it up to a hundred days late.
func TestHoldersOfOldBundlesVerifyAfterRotation(t *testing.T) {
	c, store := newClock(), newStore()
	leader, follower := open(t, store, c), open(t, store, c)
	type held struct {
		bundle []byte
		until  time.Time // zero while it is the newest
	}
	bundles := []held{{bundle: leader.Bundle()}}
	rotations := 0
	for end := c.now.Add(2 * 365 * day); c.now.Before(end); c.now = c.now.Add(20 * time.Hour) {
		changed := leader.Changed()
		refresh(t, leader)
		newest := &bundles[len(bundles)-1]
		select {
		case <-changed:
			newest.until = c.now.Add(100 * day)
			bundles = append(bundles, held{bundle: leader.Bundle()})
			rotations++
		default:
			if !bytes.Equal(newest.bundle, leader.Bundle()) {
				t.Fatalf("%v: the bundle changed without a sign", c.now)
			}
		}
		// The follower still signs with what it read last.
		if err := verify(follower, c, leader.Bundle()); err != nil {
			t.Fatalf("a follower's certificate at %v: %v", c.now, err)
		}
		refresh(t, follower)
		for _, h := range bundles {
			if h.until.IsZero() || c.now.Before(h.until) {
				if err := verify(leader, c, h.bundle); err != nil {
					t.Fatalf("the leader's certificate at %v: %v", c.now, err)
				}
			}
		}
	}
	if rotations < 4 { // twice a successor comes, twice a predecessor goes
		t.Errorf("the bundle changed %d times in two years", rotations)
	}
	certificates, err := parseCertificates(leader.Bundle())
	if err != nil || len(certificates) > 2 {
		t.Errorf("the bundle has %d certificates at the end, %v", len(certificates), err)
	}
}

func TestReplicasThatRotateAtOnceAgree(t *testing.T) {
	c, store := newClock(), newStore()
	replicas := []*Authority{open(t, store, c), open(t, store, c), open(t, store, c)}
	old := replicas[0].Bundle()
	c.now = c.now.Add(300 * day)
	var group sync.WaitGroup
	for _, a := range replicas {
		group.Go(func() {
			if err := a.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i, a := range replicas {
		if bytes.Equal(a.Bundle(), old) || !bytes.Equal(a.Bundle(), replicas[0].Bundle()) {
			t.Errorf("replica %d: bundle\n%s", i, a.Bundle())
		}
		mustDial(t, a, c, old, "the old bundle")
	}
}

func TestAnExpiredCAIsReplaced(t *testing.T) {
	c := newClock()
	store := newStore()
	old := open(t, store, c).Bundle()
	c.now = c.now.Add(2 * 365 * day)
	a := open(t, store, c)
	mustDial(t, a, c, a.Bundle(), "the new bundle")
	if _, err := dial(a, c, old, ServerName); err == nil {
		t.Error("a bundle of an expired CA verifies")
	}
	if n := bytes.Count(a.Bundle(), []byte("BEGIN CERTIFICATE")); n != 1 {
		t.Errorf("the bundle has %d certificates, want 1", n)
	}
}

// flaky is a store that cannot be reached now and then.
type flaky struct {
	Secrets
	away atomic.Bool
}

func (f *flaky) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if f.away.Load() {
		return errors.New("connection refused")
	}
	return f.Secrets.Get(ctx, key, obj, opts...)
}

func TestRunKeepsTheCertificatesYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Secrets: newStore()}
		open(t, store, &clock{time.Now().Add(-242 * day)})
		store.away.Store(true)
		a := New(Options{Secrets: store, Namespace: "wye-system"})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		store.away.Store(false)
		<-time.After(retryEvery + time.Second)
		bundle := a.Bundle()
		if bundle == nil {
			t.Fatal("no bundle after the store came back")
		}
		<-time.After(3 * day)
		now := &clock{time.Now()}
		leaf := mustDial(t, a, now, bundle, "the old bundle after the rotation")
		if now.now.After(twoThirds(leaf)) {
			t.Errorf("the certificate of %v is old at %v", leaf.NotBefore, now.now)
		}
		if bytes.Equal(bundle, a.Bundle()) {
			t.Error("the CA was not rotated after 245 days")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
