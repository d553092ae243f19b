// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// balancing is how a route chooses endpoints, such as "RoundRobin, slow start 30s,
// zones ignored"; empty where it leaves that to the default.
func balancing(b *v1alpha1.LoadBalancing) string {
	if b == nil {
		return ""
	}
	text := string(cmp.Or(b.Policy, v1alpha1.BalancingP2C))
	if b.SlowStart != nil {
		text += fmt.Sprintf(", slow start %s", b.SlowStart.Duration)
	}
	if b.ZonePreference == v1alpha1.ZoneIgnore {
		text += ", zones ignored"
	}
	return text
}
