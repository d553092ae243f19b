// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// identity is a new one of that name, which is its host name too.
func (w *world) identity(t *testing.T, name string) *pushv1.Identity {
	t.Helper()
	chain, key := w.authority.Identity(t, name)
	return &pushv1.Identity{Name: name, Chain: chain, Key: key}
}

// ticketKeys are of one byte's making.
func ticketKeys(b byte) *pushv1.TicketKeys {
	return &pushv1.TicketKeys{Keys: [][]byte{bytes.Repeat([]byte{b}, 32)}}
}

// trust is a client's settings.
func (w *world) trust() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.authority.PEM)
	return &tls.Config{RootCAs: roots, ServerName: "one"}
}

// secure connects in TLS and expects the greeting of a backend.
func secure(t *testing.T, port uint32, config *tls.Config) (*client, tls.ConnectionState, error) {
	t.Helper()
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), config)
	if err != nil {
		return nil, tls.ConnectionState{}, err
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(pushtest.Patience)); err != nil {
		return nil, tls.ConnectionState{}, err
	}
	greeted := &client{Conn: c, lines: bufio.NewReader(c)}
	_, err = greeted.lines.ReadString('\n') // with which the tickets of TLS 1.3 come
	return greeted, c.ConnectionState(), err
}

// mustSecure does so without an error.
func mustSecure(t *testing.T, port uint32, config *tls.Config) (*client, tls.ConnectionState) {
	t.Helper()
	c, state, err := secure(t, port, config)
	if err != nil {
		t.Fatal(err)
	}
	return c, state
}

// leaf is the certificate of an identity.
func leaf(t *testing.T, i *pushv1.Identity) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(i.GetChain(), i.GetKey())
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

// ending is a config whose one route ends TLS by an identity.
func ending(t *testing.T, port uint32, i *pushv1.Identity) *pushv1.Update {
	t.Helper()
	u := config(1, "a", port, backend(t, "one"))
	u.Routes[0].Tls = &pushv1.ServerTLS{DefaultIdentity: i.GetName()}
	u.Routes[0].Hash = "ended"
	u.Identities = []*pushv1.Identity{i}
	u.TicketKeys = ticketKeys(1)
	return u
}

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func TestKeysComeWithTheConfigAndAreNeverKept(t *testing.T) {
	w := newWorld(t)
	said := &journal{}
	w.options.Log = slog.New(slog.NewJSONHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := w.run(t)
	port, plain := uint32(ports.Free(t)), uint32(ports.Free(t))
	first := w.identity(t, "one")
	config1 := ending(t, port, first)
	beside := config(1, "b", plain, backend(t, "two"))
	config1.Listeners = append(config1.Listeners, beside.Listeners...)
	config1.Routes = append(config1.Routes, beside.Routes...)
	config1.Pools = append(config1.Pools, beside.Pools...)
	s := w.Next(t)
	if ack := s.Push(t, config1); len(ack.GetRefused()) > 0 {
		t.Fatalf("refused: %v", ack)
	}
	old, state := mustSecure(t, port, w.trust())
	if !state.PeerCertificates[0].Equal(leaf(t, first)) {
		t.Fatal("another certificate than was pushed")
	}
	r.shows(t, "/metrics", `wye_proxy_tls_certificate_expiration_timestamp_seconds{identity="one"}`)

	// A new form of the identity alone is in force for the next client, and for no other.
	second := w.identity(t, "one")
	s.Push(t, &pushv1.Update{Generation: 2, Identities: []*pushv1.Identity{second}})
	if _, state := mustSecure(t, port, w.trust()); !state.PeerCertificates[0].Equal(leaf(t, second)) {
		t.Fatal("the certificate is not replaced")
	}
	old.works(t)

	// One that cannot be used is refused, and the one before serves.
	bad := proto.CloneOf(second)
	bad.Key = first.Key
	ack := s.Push(t, &pushv1.Update{Generation: 3, Identities: []*pushv1.Identity{bad}})
	if len(ack.GetRefused()) != 1 || ack.GetRefused()[0].GetResource().GetKind() != pushv1.ResourceKind_RESOURCE_KIND_IDENTITY {
		t.Errorf("refused: %v", ack)
	}
	mustSecure(t, port, w.trust())
	r.shows(t, "/metrics", `wye_proxy_tls_certificate_current{identity="one"} 0`)
	s.Push(t, &pushv1.Update{Generation: 4, Identities: []*pushv1.Identity{second}})
	r.shows(t, "/metrics", `wye_proxy_tls_certificate_current{identity="one"} 1`)

	// Nothing tells a key.
	r.shows(t, "/config", `"generation": "4"`)
	_, shown := r.get(t, "/config")
	file := filepath.Join(w.options.Config.StateDir, "config.wye")
	eventually(t, func() error {
		text, err := os.ReadFile(file)
		if err == nil {
			var saved *pushv1.Config
			if _, saved, err = pushv1.DecodeSaved(text); err == nil && saved.GetGeneration() != 4 {
				err = errors.New("not saved yet")
			}
		}
		return err
	})
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{"a key": first.Key, "another key": second.Key, "a ticket key": config1.TicketKeys.Keys[0]}
	for what, text := range map[string]string{"/config": shown, "the saved config": string(saved), "the log": said.String()} {
		for which, secret := range secrets {
			body := strings.TrimSpace(string(secret))
			if strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, body) || strings.Contains(text, base64.StdEncoding.EncodeToString(secret)) {
				t.Errorf("%s has %s in it", what, which)
			}
		}
	}

	// A proxy that starts without the controller has no keys: what needs one waits.
	r.drain()
	old.Close()
	w.Stop()
	if err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	again := w.run(t)
	again.shows(t, "/ready", "ready: generation 4 from disk, 1 refused")
	again.shows(t, "/config", `identity \"one\" is not there; keys are not saved, so this is served when the controller has sent them`)
	reach(t, plain, "two")
	if _, _, err := secure(t, port, w.trust()); err == nil {
		t.Error("TLS ends without a key")
	}
	w.Controller = pushtest.Start(t, w.Addr, w.authority)
	config1.Generation, config1.Identities[0] = 5, second
	w.Next(t).Push(t, config1)
	mustSecure(t, port, w.trust())
}

func TestTicketKeysAreSharedAndRotated(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	port, other := uint32(ports.Free(t)), uint32(ports.Free(t))
	one := w.identity(t, "one")
	u := ending(t, port, one)
	beside := ending(t, other, one)
	beside.Listeners[0].Name, beside.Routes[0].Listener = "tcp/other", "tcp/other"
	beside.Routes[0].Name = "ns/b"
	u.Listeners, u.Routes = append(u.Listeners, beside.Listeners...), append(u.Routes, beside.Routes...)
	s := w.Next(t)
	if ack := s.Push(t, u); len(ack.GetRefused()) > 0 {
		t.Fatalf("refused: %v", ack)
	}
	cached := w.trust()
	cached.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	mustSecure(t, port, cached)
	resumes := func(reason string, port uint32, want bool) {
		t.Helper()
		if _, state := mustSecure(t, port, cached); state.DidResume != want {
			t.Errorf("%s: resumed is %v", reason, state.DidResume)
		}
	}
	resumes("the same keys", port, true)
	next := ticketKeys(2)
	next.Keys = append(next.Keys, ticketKeys(1).Keys...)
	s.Push(t, &pushv1.Update{Generation: 2, TicketKeys: next})
	resumes("keys that have it still", port, true)
	s.Push(t, &pushv1.Update{Generation: 3, TicketKeys: ticketKeys(2)})
	resumes("the key that sealed it since", port, true)
	s.Push(t, &pushv1.Update{Generation: 4, TicketKeys: ticketKeys(3)})
	resumes("others", port, false)
	resumes("these", port, true)
	s.Push(t, &pushv1.Update{Generation: 5, TicketKeys: &pushv1.TicketKeys{Keys: [][]byte{[]byte("short")}}})
	resumes("keys that cannot be used change nothing", port, true)
	resumes("another route", other, false)
}
