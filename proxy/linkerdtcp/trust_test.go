// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp_test

import (
	"fmt"
	"testing"

	"github.com/wye-dev/wye/proxy/linkerdtcp"
)

func TestWhoIsTrustedIsRead(t *testing.T) {
	config, _, err := linkerdtcp.Parse("f", []byte(`routers: [{label: a, dtab: "", servers: [
 {port: 1, dstName: /a, proxyProtocol: {trustedCIDRs: [10.1.2.3/8, "2001:DB8::/32"]}}, {port: 2, dstName: /b}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	servers := config.Routers[0].Servers
	if got := fmt.Sprint(servers[0].Trusted, servers[1].Trusted); got != "[10.0.0.0/8 2001:db8::/32] []" {
		t.Errorf("trusted are %s", got)
	}
}
