// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

const (
	caFile    = "ca.crt"
	tokenFile = "token"

	renewAfter   = 0.8 // of a token's life
	renewRetry   = 10 * time.Second
	renewTimeout = 10 * time.Second
)

// Identity gets the tokens by which the proxies of a fleet prove who they are.
type Identity interface {
	Token(ctx context.Context, f *v1alpha1.ProxyFleet) (Token, error)
}

// Token is a secret with an end.
type Token struct {
	Value   string
	Expires time.Time
}

// ServiceAccounts gets tokens from the Kubernetes API, of the ServiceAccount that
// a fleet's pods would run as, which it makes. It needs leave to create
// serviceaccounts/token; the operator in a cluster has no need of that, and no
// permission.
type ServiceAccounts struct {
	client client.Client
	writer *fleet.Writer
}

// NewServiceAccounts makes an Identity. c may read from a cache, live asks the API server.
func NewServiceAccounts(c client.Client, live client.Reader) *ServiceAccounts {
	return &ServiceAccounts{client: c, writer: fleet.NewWriter(c, live)}
}

// Token asks for a new token that config push accepts, valid for fleet.TokenLife.
func (s *ServiceAccounts) Token(ctx context.Context, f *v1alpha1.ProxyFleet) (Token, error) {
	account := fleet.ServiceAccount(f)
	if err := s.writer.Apply(ctx, f, account); err != nil {
		return Token{}, err
	}
	seconds := int64(fleet.TokenLife.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{fleet.ControllerName}, ExpirationSeconds: &seconds,
	}}
	if err := s.client.SubResource("token").Create(ctx, account, request); err != nil {
		return Token{}, fmt.Errorf("request a token of ServiceAccount %s/%s: %w", account.Namespace, account.Name, err)
	}
	return Token{request.Status.Token, request.Status.ExpirationTimestamp.Time}, nil
}

// freshToken sees to it that the fleet has a token, and that it is not due.
func (r *Runtime) freshToken(ctx context.Context, f *v1alpha1.ProxyFleet, g *group) error {
	r.mu.Lock()
	renewAt := g.renewAt
	r.mu.Unlock()
	if time.Now().Before(renewAt) {
		return nil
	}
	return r.renew(ctx, f, g)
}

// renew writes a new token, and notes when the next is due.
func (r *Runtime) renew(ctx context.Context, f *v1alpha1.ProxyFleet, g *group) error {
	asked := time.Now()
	token, err := r.identity.Token(ctx, f)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(g.dir, tokenFile), []byte(token.Value)); err != nil {
		return fmt.Errorf("write the token of fleet %s/%s: %w", f.Namespace, f.Name, err)
	}
	life := token.Expires.Sub(asked)
	r.setRenewal(f, g, asked.Add(time.Duration(renewAfter*float64(life))))
	return nil
}

// renewDue renews the tokens that are due, and tries again later where that fails.
func (r *Runtime) renewDue(ctx context.Context) {
	for g, f := range r.due() {
		limited, cancel := context.WithTimeout(ctx, renewTimeout)
		err := r.renew(limited, f, g)
		cancel()
		if err != nil && ctx.Err() == nil {
			r.log.Error(err, "renew token", "fleet", f.Namespace+"/"+f.Name)
			r.setRenewal(f, g, time.Now().Add(renewRetry))
		}
	}
}

// due are the fleets whose token is due; those without any wait for Apply.
func (r *Runtime) due() map[*group]*v1alpha1.ProxyFleet {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := map[*group]*v1alpha1.ProxyFleet{}
	for _, g := range r.fleets {
		if !g.renewAt.IsZero() && time.Now().After(g.renewAt) {
			due[g] = g.fleet
		}
	}
	return due
}

// setRenewal notes when the token is due, unless the group is of another fleet by now.
func (r *Runtime) setRenewal(f *v1alpha1.ProxyFleet, g *group, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !g.gone && g.fleet.UID == f.UID {
		g.renewAt = at
	}
}

// writeFile replaces a file that only its owner may read, in one step. It leaves
// a file alone that says the same.
func writeFile(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(data) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it is renamed
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
