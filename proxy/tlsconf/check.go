// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Limits: DNS's, and ALPN's.
const (
	maxHost      = 253 // bytes
	maxLabel     = 63  // bytes
	maxProtocol  = 255 // bytes
	maxProtocols = 64  // more than anybody has
)

// CheckHost tells what is wrong with a host name, or *.SUFFIX, that clients are to
// ask for. Case does not matter.
func CheckHost(host string) error {
	name := strings.TrimPrefix(host, "*.")
	_, notIP := netip.ParseAddr(name)
	switch {
	case name == "" || len(host) > maxHost:
		return fmt.Errorf("host name %q is not of 1 to %d bytes", host, maxHost)
	case notIP == nil:
		return fmt.Errorf("%q is an IP address, and clients ask for host names only; it may be the default identity's", host)
	case strings.Contains(name, "*"):
		return fmt.Errorf("host name %q: * can only stand for the whole first label, as in *.example.com", host)
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("host name %q ends with a dot; clients leave it out", host)
	case strings.ContainsFunc(name, func(r rune) bool { return r > 127 }):
		return fmt.Errorf("host name %q must be in the form that begins with xn--, which clients ask for", host)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !goodLabel(label) {
			return fmt.Errorf("host name %q: %q is not a label of letters, digits, - and _", host, label)
		}
	}
	return nil
}

func goodLabel(label string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return label != "" && len(label) <= maxLabel && label[0] != '-' && !strings.HasSuffix(label, "-") && !strings.ContainsFunc(label, other)
}

// CheckProtocols tells what is wrong with protocols of ALPN.
func CheckProtocols(names []string) error {
	if len(names) > maxProtocols {
		return fmt.Errorf("%d ALPN protocols are more than %d", len(names), maxProtocols)
	}
	for i, name := range names {
		switch {
		case name == "" || len(name) > maxProtocol:
			return fmt.Errorf("ALPN protocol %q is not of 1 to %d bytes", name, maxProtocol)
		case slices.Contains(names[:i], name):
			return fmt.Errorf("ALPN protocol %q comes twice", name)
		}
	}
	return nil
}
