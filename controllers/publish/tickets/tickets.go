// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tickets keeps the keys that the proxies of a fleet seal TLS session tickets
// with, so that a client's session is resumed by whichever proxy it reaches next. They
// are made of keys in one Secret beside the controller, and go out with config push only:
// no Secret is made in anybody's namespace, and no fleet can tell another's keys.
//
// # Rotation
//
// There are three keys: one that seals, one that will seal next, and one that sealed
// before; all of them open. Every twelve hours the next becomes the one that seals. By
// then every proxy has had it for twelve hours, so there is no moment at which one proxy
// seals what another cannot open. A ticket is good for twelve hours at least.
package tickets

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Size of a key, in bytes.
const Size = 32

const (
	// count is that of the keys: the one that seals, the next, and the one before.
	count = 3
	// life is how long a key seals.
	life = 12 * time.Hour

	refreshEvery = 5 * time.Minute  // how soon it is seen that somebody took the Secret away
	retryEvery   = 10 * time.Second // after an error
)

// Secrets is what a Keeper needs of a Kubernetes client. It must not read through a
// cache: that would ask to list every Secret of the cluster.
type Secrets interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error
}

// Options of a Keeper.
type Options struct {
	Secrets   Secrets
	Namespace string // of the Secret: the controller's own
	// Changed is called, without locks held, when the keys have become others. It must
	// not block.
	Changed func()
	Now     func() time.Time // nil for time.Now
	Log     logr.Logger
}

// Keeper has the keys. It makes none before somebody has asked.
type Keeper struct {
	Options
	asked chan struct{} // has a value once somebody has

	mu   sync.Mutex
	keys *keys // guarded by mu; nil before they are known
}

// New makes a keeper, which knows no keys before Run.
func New(o Options) *Keeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{Options: o, asked: make(chan struct{}, 1)}
}

// Of are the keys of a fleet: the first seals, all open. uid tells it from others of its
// name. There are none before they are known; Changed is called then.
func (k *Keeper) Of(uid string) [][]byte {
	select {
	case k.asked <- struct{}{}:
	default:
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		return nil
	}
	out := make([][]byte, 0, count)
	for _, key := range k.keys.list {
		// It fails for lengths that nobody asks for.
		own, _ := hkdf.Key(sha256.New, key, nil, "wye ticket key of fleet "+uid, Size)
		out = append(out, own)
	}
	return out
}

// Run keeps the keys until ctx ends, from when somebody has asked for them. The leader
// runs it, and no other replica.
func (k *Keeper) Run(ctx context.Context) error {
	select {
	case <-k.asked:
	case <-ctx.Done():
		return nil
	}
	for {
		wait := refreshEvery
		if err := k.Refresh(ctx); err != nil && ctx.Err() == nil {
			k.Log.Error(err, "ticket keys")
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

// Refresh reads the keys, and makes or rotates them when it is time to. After an error
// they stay as they were.
func (k *Keeper) Refresh(ctx context.Context) error {
	now, err := k.obtain(ctx, k.Now())
	if err != nil {
		return err
	}
	k.mu.Lock()
	changed := !now.equal(k.keys)
	k.keys = now
	k.mu.Unlock()
	if changed {
		k.Changed()
	}
	return nil
}
