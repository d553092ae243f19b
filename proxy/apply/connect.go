// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

const (
	// updateExtra is what an update may have besides a config: names to remove
	// or to retain, in bytes.
	updateExtra = 4 << 20
	// maxCredential bounds the files of the certificate authority and the token, in bytes.
	maxCredential = 1 << 20
	// connectTimeout bounds TCP, TLS and the HTTP/2 greeting together. The address
	// of a controller that is gone may answer nothing for a while.
	connectTimeout = 5 * time.Second
	// A silent connection is asked after keepaliveTime whether it is alive and
	// given up keepaliveTimeout later: a controller whose machine is gone is
	// noticed in 20 s. gRPC allows no shorter time. The server must permit it.
	keepaliveTime    = 10 * time.Second
	keepaliveTimeout = 10 * time.Second
)

// serviceConfig has gRPC try the addresses of a name in random order, so that
// dialling anew gets past a controller that is not the leader.
const serviceConfig = `{"loadBalancingConfig":[{"pick_first":{"shuffleAddressList":true}}]}`

// connect makes the connection of one session. It reads the certificate
// authority and the token now, so that rotating them takes no restart. Nothing
// is dialled until the first call.
func connect(o Options) (*grpc.ClientConn, error) {
	authority, err := readAuthority(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	token, err := readToken(o.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	conn, err := grpc.NewClient(o.Controller,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			RootCAs:    authority,
			ServerName: o.ServerName,
			MinVersion: tls.VersionTLS13,
		})),
		grpc.WithPerRPCCredentials(token),
		grpc.WithUserAgent("wye-proxy/"+o.Version),
		grpc.WithNoProxy(), // the controller is in the cluster
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(pushv1.MaxConfig+updateExtra)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: connectTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
	)
	if err != nil {
		return nil, fmt.Errorf("controller address %s: %w", o.Controller, err)
	}
	return conn, nil
}

// readAuthority reads the certificates that the controller's must go back to.
func readAuthority(file string) (*x509.CertPool, error) {
	bundle, err := readFile(file, maxCredential)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}

// bearer is a token that goes with each call, and never in clear text.
type bearer string

func readToken(file string) (bearer, error) {
	text, err := readFile(file, maxCredential)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return bearer(token), nil
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if strings.ContainsFunc(string(b), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("the token holds characters that no token has")
	}
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (b bearer) RequireTransportSecurity() bool { return true }
