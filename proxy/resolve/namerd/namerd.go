// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package namerd follows names through the HTTP interface of a namerd. It watches
// what a name is bound to (bind), so that the weights of a union are known, and the
// addresses of each destination (addr), which a bind does not send again. From a
// namerd that cannot be watched it asks for addresses from time to time (resolve),
// as linkerd-tcp did.
//
// As in linkerd-tcp, only an answer with addresses, be it none of them, changes
// anything: a name that is not bound, an address that is not known, and anything
// that goes wrong leave the last good answer as it is.
package namerd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/proxy/resolve"
)

const (
	dialTimeout = 5 * time.Second
	// headTimeout is how long a namerd may take to begin an answer. It begins a
	// watch at once; when asked once it waits for what it does not know yet.
	headTimeout = 30 * time.Second
	maxHead     = 64 << 10 // bytes
	// Bounds of the pause after a failure.
	leastPause = 250 * time.Millisecond
	mostPause  = 5 * time.Second
)

// Options of a Client. All are required.
type Options struct {
	BaseURL   *url.URL // such as http://127.0.0.1:4180
	Namespace string   // of the dtab, as it stands in URLs
	// Period is the time between two questions to a namerd that cannot be watched.
	Period time.Duration
	Log    *slog.Logger
}

// Client asks one namerd for names of one namespace.
type Client struct {
	options Options
	http    *http.Client
}

// New makes a client. It connects to nothing yet.
func New(o Options) *Client {
	// A peer that has vanished is found out within 75 seconds.
	alive := net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 4}
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAliveConfig: alive}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headTimeout,
		MaxResponseHeaderBytes: maxHead,
		DisableCompression:     true,
		IdleConnTimeout:        time.Minute,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{options: o, http: &http.Client{Transport: transport, CheckRedirect: stay}}
}

// Follow tells all that becomes known of a name until ctx ends. Calls of tell do
// not overlap; tell must not block.
func (c *Client) Follow(ctx context.Context, name dtab.Path, tell func(resolve.State)) {
	defer c.http.CloseIdleConnections()
	k := newKnowledge(tell)
	again(ctx, func() {
		err := c.watch(ctx, name, k)
		if errors.Is(err, errNoWatch) && ctx.Err() == nil {
			err = c.poll(ctx, name, k, err)
		}
		k.failed(ctx, treeSource, err)
	})
}

// again calls try until ctx ends, with pauses.
func again(ctx context.Context, try func()) {
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		try()
		if failures++; time.Since(began) >= mostPause {
			failures = 1 // it went well for a while
		}
		pause(ctx, failures)
	}
}

// url of a question. what is bind, addr or resolve.
func (c *Client) url(what string, path dtab.Path, watch bool) string {
	base := strings.TrimSuffix(c.options.BaseURL.String(), "/")
	query := url.Values{"path": {path.String()}}
	if watch {
		query.Set("watch", "true")
	}
	return fmt.Sprintf("%s/api/1/%s/%s?%s", base, what, c.options.Namespace, query.Encode())
}

// pause waits after so many failures in a row: at random, so that the proxies of
// one namerd do not all come back to it at once, and longer with each.
func pause(ctx context.Context, failures int) {
	most := min(leastPause<<min(failures, 8), mostPause)
	select {
	case <-time.After(leastPause + rand.N(most-leastPause)):
	case <-ctx.Done():
	}
}
