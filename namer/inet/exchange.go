// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxServers is how many servers of resolv.conf are asked. The system's
	// resolver has the same limit.
	maxServers = 3
	// maxDatagram is the size of answers asked for, in bytes: what passes through
	// networks in one piece (the advice of DNS Flag Day 2020, which Go follows too).
	maxDatagram = 1232
)

// errTimeout stands for the many ways of running out of time.
var errTimeout = errors.New("timed out")

// ask asks one server after the other, as often as conf says, until one knows:
// the records, or that there are none. Errors are of the first server, and the same as
// long as their cause is: they end in statuses.
func (r *Resolver) ask(ctx context.Context, conf *dns.ClientConfig, name string, family uint16) (*dns.Msg, error) {
	query := new(dns.Msg).SetQuestion(name, family).SetEdns0(maxDatagram, false)
	timeout := time.Duration(conf.Timeout) * time.Second
	var first error
	for range conf.Attempts {
		for _, server := range conf.Servers[:min(len(conf.Servers), maxServers)] {
			addr := net.JoinHostPort(server, cmp.Or(r.Port, "53"))
			reply, err := exchange(ctx, addr, query, timeout)
			if err == nil {
				return reply, nil
			}
			first = cmp.Or(first, fmt.Errorf("ask %s: %w", addr, err))
			if ctx.Err() != nil {
				return nil, first
			}
		}
	}
	return nil, first
}

// exchange asks one server once, by TCP when the answer is too long for a datagram.
func exchange(ctx context.Context, addr string, query *dns.Msg, timeout time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := exchangeBy(ctx, "udp", addr, query)
	if reply != nil && reply.Truncated {
		reply, err = exchangeBy(ctx, "tcp", addr, query)
	}
	if err != nil {
		return nil, terse(ctx, err)
	}
	return reply, judge(reply, query)
}

func exchangeBy(ctx context.Context, network, addr string, query *dns.Msg) (*dns.Msg, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// The client heeds the deadline of ctx, but not that it ends early.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	client := dns.Client{Timeout: lookupLimit} // ctx ends sooner
	reply, _, err := client.ExchangeWithConnContext(ctx, query, &dns.Conn{Conn: conn})
	return reply, err
}

// terse leaves out of an error what differs from one time to the next, such as
// our own port.
func terse(ctx context.Context, err error) error {
	var op *net.OpError
	switch {
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return errTimeout
	case errors.As(err, &op):
		return op.Err
	default:
		return err
	}
}

// judge finds out whether a reply answers the query.
func judge(reply, query *dns.Msg) error {
	asked := query.Question[0]
	switch {
	case !reply.Response || len(reply.Question) != 1 ||
		reply.Question[0].Qtype != asked.Qtype || !strings.EqualFold(reply.Question[0].Name, asked.Name):
		return errors.New("the reply is to another question")
	case reply.Rcode == dns.RcodeNameError:
		return nil
	case reply.Rcode != dns.RcodeSuccess:
		return fmt.Errorf("the reply is %s", dns.RcodeToString[reply.Rcode])
	case len(reply.Answer) == 0 && !reply.Authoritative && !reply.RecursionAvailable:
		// Not a statement that there is nothing, but a pointer to somebody else.
		return errors.New("the server knows nothing of the name")
	default:
		return nil
	}
}
