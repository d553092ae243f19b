// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"fmt"
	"strings"
)

// longestCongestionControl is the kernel's TCP_CA_NAME_MAX without the zero at the end.
const longestCongestionControl = 15

// CheckCongestionControl refuses a name that no kernel has for a congestion control.
// The empty name passes: it is the kernel's default.
func CheckCongestionControl(name string) error {
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_' || r == '-')
	}
	if len(name) > longestCongestionControl || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("congestion control %q is not of at most %d of a-z, 0-9, _ and -", name, longestCongestionControl)
	}
	return nil
}
