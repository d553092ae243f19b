// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"net/netip"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
)

// maxTrusted is more networks than anybody has proxies in.
const maxTrusted = 64

// trust reads who is in front of a server and tells of its clients by the PROXY protocol.
// It is beyond linkerd-tcp.
func (r *reader) trust(n *yaml.Node) (trusted []netip.Prefix) {
	const what, list = "proxyProtocol of a server", "trustedCIDRs"
	found := r.Fields(n, what, document.Field{Key: list, Read: func(n *yaml.Node) {
		at := document.PlaceOf(document.Follow(n))
		for _, text := range r.texts(n, list, "a network") {
			net, err := netip.ParsePrefix(text)
			if err != nil || net.Addr().Is4In6() {
				r.Fail(at, "%s: %q is not a network such as 10.0.0.0/8 or 2001:db8::/32", list, text)
			}
			trusted = append(trusted, net.Masked())
		}
		if len(trusted) == 0 || len(trusted) > maxTrusted {
			r.Fail(at, "%s must be a list of 1 to %d networks", list, maxTrusted)
		}
	}})
	r.Need(n, found, what, list)
	return trusted
}
