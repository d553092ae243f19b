// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/proxy/pushtest"
)

// serveInTLS starts a backend that asks for certificates of the authority, and returns the
// path of its name.
func (s *secured) serveInTLS(name string) (path string) {
	s.Helper()
	pair, err := tls.X509KeyPair(s.authority.Identity(s, "backend.example.com"))
	if err != nil {
		s.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	config.ClientCAs.AppendCertsFromPEM(s.authority.PEM)
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		s.Fatal(err)
	}
	return s.announce(name, s.serveOn(l, name))
}

func TestBackendsAreReachedInTLS(t *testing.T) {
	s := newSecured(t, 2)
	bundle := func(of *pushtest.Authority) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: s.meta("internal"), Data: map[string]string{"ca.crt": string(of.PEM)}}
	}
	route := s.route("echo", s.reserve(), s.serveInTLS("a"))
	route.Spec.BackendTLS = &v1alpha1.BackendTLS{
		Hostname:             "backend.example.com",
		CACertificateRefs:    []v1alpha1.CAReference{{Name: "internal"}},
		ClientCertificateRef: &v1alpha1.SecretReference{Name: "own"},
	}
	s.apply(s.secret("own"), route)
	s.expect(route, not("ResolvedRefs", v1alpha1.ReasonInvalidCertificateRef, `there is no ConfigMap "internal"`))
	s.apply(bundle(s.authority))
	s.expect(route, ready)
	s.leadsTo(route.Spec.Port, "a")
	held, err := dial(t.Context(), route.Spec.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	if name, err := held.ask(); err != nil || name != "a" { // so that it is there
		t.Fatal(name, err)
	}

	// Another authority is trusted: new connections find nobody, and those that are open go on.
	s.apply(bundle(pushtest.NewAuthority(t)))
	s.eventually(func() error {
		for range 8 { // of two proxies
			if name, err := askOnce(t.Context(), route.Spec.Port); err == nil {
				return errors.New("a stranger is reached, who says " + name)
			}
		}
		return nil
	})
	if name, err := held.ask(); err != nil || name != "a" {
		t.Errorf("a connection that was open: %q, %v", name, err)
	}
	s.apply(bundle(s.authority))
	s.leadsTo(route.Spec.Port, "a")
	s.nothingIsTold()
}
