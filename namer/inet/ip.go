// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseIP reads an IP address. Of IPv4 it also takes the short forms of
// inet_aton(3), where the last part fills all the bytes that are left: 127.1 is 127.0.0.1,
// 10.1.258 is 10.1.1.2, and 2130706433 is 127.0.0.1. Parts with leading zeros or
// 0x are refused: what is octal to inet_aton is decimal to linkerd. So are IPv6 zones.
func ParseIP(text string) (netip.Addr, bool) {
	if strings.Contains(text, ":") {
		addr, err := netip.ParseAddr(text)
		return addr.Unmap(), err == nil && addr.Zone() == ""
	}
	parts := strings.SplitN(text, ".", 5)
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var ip uint32
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		value, ok := decimal(part, bits)
		if !ok {
			return netip.Addr{}, false
		}
		// A shift by all 32 bits leaves 0, which ip is then.
		ip = ip<<bits | value
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true
}

// decimal reads digits that fit into a number of bits. (ParseUint would take a
// sign or leading zeros.)
func decimal(text string, bits int) (uint32, bool) {
	if text == "" || text[0] < '0' || text[0] > '9' || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	value, err := strconv.ParseUint(text, 10, bits)
	return uint32(value), err == nil
}
