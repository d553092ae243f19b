// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"log/slog"
	"slices"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// keyring brings the identities, trust bundles and ticket keys of pushed configs to where
// plans use them. A nil keyring, of a proxy whose keys come from elsewhere, does nothing.
type keyring struct {
	store *tlsconf.Store
	log   *slog.Logger

	identities map[string]held // name -> newest form
	bundles    map[string]held // name -> newest form
	tickets    tlsconf.TicketKeys
}

// held is a resource as it was pushed last, and what is wrong with it.
type held struct {
	message proto.Message
	err     error
}

// Put makes what a config brings the newest there is, and returns what cannot be used.
// The form before is in force then, if there is one.
func (k *keyring) Put(config *pushv1.Config) (refused []*pushv1.Refusal) {
	if k == nil {
		return nil
	}
	identities, bundles := map[string]held{}, map[string]held{}
	for _, i := range config.GetIdentities() {
		name := i.GetName()
		identities[name] = newest(k.identities[name], i, func() error { return k.putIdentity(i) })
		refused = identities[name].refuse(refused, pushv1.ResourceKind_RESOURCE_KIND_IDENTITY, name)
	}
	for _, b := range config.GetTrustBundles() {
		name := b.GetName()
		bundles[name] = newest(k.bundles[name], b, func() error { return k.putBundle(b) })
		refused = bundles[name].refuse(refused, pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE, name)
	}
	k.identities, k.bundles = identities, bundles
	return refused
}

// newest is what is held of a resource, which is put only if it is another than before.
func newest(before held, message proto.Message, put func() error) held {
	if before.message != nil && (before.message == message || proto.Equal(before.message, message)) {
		return before
	}
	return held{message, put()}
}

func (h held) refuse(refused []*pushv1.Refusal, kind pushv1.ResourceKind, name string) []*pushv1.Refusal {
	if h.err == nil {
		return refused
	}
	return append(refused, &pushv1.Refusal{
		Resource: &pushv1.ResourceName{Kind: kind, Name: name},
		Reason:   pushv1.RefusalReason_REFUSAL_REASON_INVALID,
		Message:  h.err.Error(),
	})
}

func (k *keyring) putIdentity(i *pushv1.Identity) error {
	identity, err := tlsconf.Parse(i.GetChain(), i.GetKey())
	if err != nil {
		k.store.Stale(i.GetName(), err)
		return fmt.Errorf("identity %q: %w", i.GetName(), err)
	}
	k.store.Put(i.GetName(), identity)
	return nil
}

func (k *keyring) putBundle(b *pushv1.TrustBundle) error {
	bundle, err := tlsconf.ParseBundle(b.GetCertificates())
	if err != nil {
		return fmt.Errorf("trust bundle %q: %w", b.GetName(), err)
	}
	k.store.PutBundle(b.GetName(), bundle)
	return nil
}

// Explain says of what was refused for a key that has not come that it will.
func (k *keyring) Explain(config *pushv1.Config, refused []*pushv1.Refusal) {
	if k == nil || len(refused) == 0 {
		return
	}
	needs := map[string]iter.Seq2[pushv1.ResourceKind, string]{}
	key := func(kind pushv1.ResourceKind, name string) string { return kind.String() + " " + name }
	for _, r := range config.GetRoutes() {
		needs[key(pushv1.ResourceKind_RESOURCE_KIND_ROUTE, r.GetName())] = r.Materials()
	}
	for _, p := range config.GetPools() {
		needs[key(pushv1.ResourceKind_RESOURCE_KIND_POOL, p.GetName())] = p.Materials()
	}
	for _, r := range refused {
		if k.lacks(needs[key(r.GetResource().GetKind(), r.GetResource().GetName())]) {
			r.Message += "; keys are not saved, so this is served when the controller has sent them"
		}
	}
}

func (k *keyring) lacks(needs iter.Seq2[pushv1.ResourceKind, string]) bool {
	if needs == nil {
		return false
	}
	for kind, name := range needs {
		if _, ok := k.identities[name]; kind == pushv1.ResourceKind_RESOURCE_KIND_IDENTITY && !ok {
			return true
		}
	}
	return false
}

// Settle is called before a plan is in force: it gives its servers the ticket keys, and
// drops what nothing needs any more. before is the plan that was in force; it may be nil.
func (k *keyring) Settle(config *pushv1.Config, before, next *plan.Plan) {
	if k == nil {
		return
	}
	k.seal(config.GetTicketKeys(), before, next)
	identities, bundles := names(k.identities), names(k.bundles)
	for kind, name := range next.Materials() {
		if kind == pushv1.ResourceKind_RESOURCE_KIND_IDENTITY {
			identities[name] = true
		} else {
			bundles[name] = true
		}
	}
	k.store.Keep(identities, bundles)
}

func names(resources map[string]held) map[string]bool {
	set := make(map[string]bool, len(resources))
	for name := range resources {
		set[name] = true
	}
	return set
}

// seal gives ticket keys to servers that do not have them.
func (k *keyring) seal(pushed *pushv1.TicketKeys, before, next *plan.Plan) {
	keys := tlsconf.TicketKeys(pushed.GetKeys())
	if err := keys.Check(); err != nil {
		k.log.Warn("ticket keys not used; sessions are resumed as before", "error", err)
		keys = k.tickets
	}
	same := slices.EqualFunc(keys, k.tickets, slices.Equal[[]byte])
	k.tickets = keys
	for name, r := range next.Routes {
		if r.TLS == nil || same && before != nil && before.Routes[name] != nil && before.Routes[name].TLS == r.TLS {
			continue
		}
		if err := keys.Use(r.TLS, k.clients(r)); err != nil {
			k.log.Warn("ticket keys not used", "route", name, "error", err)
		}
	}
}

// clients says whom a route lets in: its name, what is asked of clients, and the
// certificates that these are held against.
func (k *keyring) clients(r *plan.Route) string {
	validation := r.ClientValidation()
	// What came off the wire can be put there again, so this cannot fail.
	text, _ := proto.MarshalOptions{Deterministic: true}.Marshal(validation)
	h := sha256.New()
	h.Write(text)
	for _, name := range validation.GetTrustBundles() {
		if bundle, ok := k.bundles[name].message.(*pushv1.TrustBundle); ok {
			sum := sha256.Sum256(bundle.GetCertificates())
			h.Write(sum[:])
		}
	}
	return fmt.Sprintf("%s %x", r.Name, h.Sum(nil))
}
