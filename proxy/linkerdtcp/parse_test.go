// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp_test

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// demo is the configuration of linkerd-tcp's own demo.
const demo = `admin:
  port: 9992
  ip: 0.0.0.0
  metricsIntervalSecs: 5

routers:
- label: default
  interpreter:
    kind: io.l5d.namerd.http
    baseUrl: http://namerd:4180
    namespace: default
    periodSecs: 20

  servers:
  - port: 7474
    ip: 0.0.0.0
    dstName: /svc/redis

  client:
    kind: io.l5d.global
    connectTimeoutMs: 500
`

const least = "routers:\n- label: a\n  interpreter: {kind: default}\n  servers: [{port: 1, dstName: /x}]\n"

const tlsServer = `routers:
- label: a
  interpreter: {kind: default}
  servers:
  - port: 443
    dstName: /x
    tls:
      defaultIdentity: { certs: [own.pem, chain.pem], privateKey: own.key }
      identities:
        A.example.com: &a {certs: [a.pem], privateKey: a.key}
        "*.example.com": *a
      alpnProtocols: [h2, redis]
`

func at(address string) netip.AddrPort { return netip.MustParseAddrPort(address) }

func TestConfigurationsAreRead(t *testing.T) {
	for _, c := range []struct {
		reason, text string
		want         linkerdtcp.Config
	}{
		{"the demo of linkerd-tcp", demo, linkerdtcp.Config{
			Admin: at("0.0.0.0:9992"), Grace: 10 * time.Second,
			Routers: []linkerdtcp.Router{{
				Label: "default",
				Namerd: &linkerdtcp.Namerd{
					BaseURL: &url.URL{Scheme: "http", Host: "namerd:4180"}, Namespace: "default", Period: 20 * time.Second,
				},
				Servers: []linkerdtcp.Server{{
					Address: at("0.0.0.0:7474"), DstName: dtab.Path{"svc", "redis"},
					AttemptTimeout: 500 * time.Millisecond, MaxConnections: 100000,
				}},
			}},
		}},
		{"JSON, and no namerd", `{
			"admin": {"graceSecs": 0}, "bufferSizeBytes": 8192,
			"namers": [{"kind": "io.l5d.fs", "rootDir": "disco"}],
			"routers": [
				{"label": "a", "interpreter": {"kind": "default"}, "dtab": "/svc => 0.001 * /#/io.l5d.fs/a & /#/io.l5d.fs/b",
				 "servers": [{"port": 1, "ip": "::1", "dstName": "/svc", "maxConcurrency": 7, "connectTimeoutMs": 500, "connectionLifetimeSecs": 300}, {"port": 1, "dstName": "/svc"}]},
				{"label": "b", "dtab": "", "servers": [{"port": 2, "dstName": "/$/inet/127.1/80"}],
				 "client": {"kind": "io.l5d.static", "configs": [
					{"prefix": "/", "connectTimeoutMs": 1}, {"prefix": "/$/inet", "connectTimeoutMs": 2},
					{"prefix": "/$/inet"}, {"prefix": "/svc", "connectTimeoutMs": 3}]}}
			]}`, linkerdtcp.Config{
			Admin:  at("127.0.0.1:9989"),
			Namers: []mounts.Namer{{Kind: mounts.KindFS, Prefix: dtab.Path{"io.l5d.fs"}, RootDir: "disco"}},
			Routers: []linkerdtcp.Router{
				{
					Label: "a", Table: table(t, "/svc => 0.001 * /#/io.l5d.fs/a & /#/io.l5d.fs/b"),
					Servers: []linkerdtcp.Server{
						{
							Address: at("[::1]:1"), DstName: dtab.Path{"svc"}, MaxConnections: 7,
							ConnectTimeout: 500 * time.Millisecond, Lifetime: 5 * time.Minute,
						},
						{Address: at("127.0.0.1:1"), DstName: dtab.Path{"svc"}, MaxConnections: 100000},
					},
				},
				{Label: "b", Servers: []linkerdtcp.Server{{
					Address: at("127.0.0.1:2"), DstName: dtab.Path{"$", "inet", "127.1", "80"},
					AttemptTimeout: 2 * time.Millisecond, MaxConnections: 100000,
				}}},
			},
		}},
		{"congestion control, the last client that says something", `{"routers": [{"label": "a", "dtab": "",
			"servers": [{"port": 1, "dstName": "/svc/a", "congestionControl": "cubic"}, {"port": 2, "dstName": "/x"}],
			"client": {"kind": "io.l5d.static", "configs": [
				{"prefix": "/svc", "congestionControl": "bbr"}, {"prefix": "/svc/a", "congestionControl": "dctcp"},
				{"prefix": "/svc/a", "connectTimeoutMs": 1}]}}]}`, linkerdtcp.Config{
			Admin: at("127.0.0.1:9989"), Grace: 10 * time.Second,
			Routers: []linkerdtcp.Router{{Label: "a", Servers: []linkerdtcp.Server{
				{
					Address: at("127.0.0.1:1"), DstName: dtab.Path{"svc", "a"}, AttemptTimeout: time.Millisecond, MaxConnections: 100000,
					Congestion: linkerdtcp.Congestion{Clients: "cubic", Backends: "dctcp"},
				},
				{Address: at("127.0.0.1:2"), DstName: dtab.Path{"x"}, MaxConnections: 100000},
			}}},
		}},
		{"how backends are reached", `{"routers": [{"label": "a", "dtab": "",
			"servers": [{"port": 1, "dstName": "/svc/a"}, {"port": 2, "dstName": "/svc/b"}, {"port": 3, "dstName": "/x"}],
			"client": {"kind": "io.l5d.static", "configs": [
				{"prefix": "/svc", "tls": {"dnsName": "b.c", "trustCerts": ["x", "y"]}, "proxyProtocol": 1},
				{"prefix": "/svc/a", "tls": {"dnsName": "a.c", "trustCerts": ["z"]}}, {"prefix": "/svc/b", "proxyProtocol": 2}]}}]}`, linkerdtcp.Config{
			Admin: at("127.0.0.1:9989"), Grace: 10 * time.Second,
			Routers: []linkerdtcp.Router{{Label: "a", Servers: []linkerdtcp.Server{
				{
					Address: at("127.0.0.1:1"), DstName: dtab.Path{"svc", "a"}, MaxConnections: 100000,
					Backends: linkerdtcp.Backends{
						TLS:           &linkerdtcp.ClientTLS{Where: "f:5:33: tls of a client", DNSName: "a.c", TrustCerts: []string{"z"}},
						ProxyProtocol: 1,
					},
				},
				{
					Address: at("127.0.0.1:2"), DstName: dtab.Path{"svc", "b"}, MaxConnections: 100000,
					Backends: linkerdtcp.Backends{
						TLS:           &linkerdtcp.ClientTLS{Where: "f:4:31: tls of a client", DNSName: "b.c", TrustCerts: []string{"x", "y"}},
						ProxyProtocol: 2,
					},
				},
				{Address: at("127.0.0.1:3"), DstName: dtab.Path{"x"}, MaxConnections: 100000},
			}}},
		}},
		{"failing fast", `{"routers": [{"label": "a", "dtab": "",
			"servers": [{"port": 1, "dstName": "/svc/a"}, {"port": 2, "dstName": "/svc/b"}, {"port": 3, "dstName": "/x"}],
			"client": {"kind": "io.l5d.static", "configs": [
				{"prefix": "/svc", "failFast": {"maxConsecutiveFailures": 3, "failurePenaltySecs": 7}},
				{"prefix": "/svc/a", "failFast": {"failurePenaltySecs": 0}},
				{"prefix": "/svc/b", "failFast": {"maxConsecutiveFailures": 0}}]}}]}`, linkerdtcp.Config{
			Admin: at("127.0.0.1:9989"), Grace: 10 * time.Second,
			Routers: []linkerdtcp.Router{{Label: "a", Servers: []linkerdtcp.Server{
				{
					Address: at("127.0.0.1:1"), DstName: dtab.Path{"svc", "a"}, MaxConnections: 100000,
					Backends: linkerdtcp.Backends{FailFast: linkerdtcp.FailFast{Failures: 3}},
				},
				{
					Address: at("127.0.0.1:2"), DstName: dtab.Path{"svc", "b"}, MaxConnections: 100000,
					Backends: linkerdtcp.Backends{FailFast: linkerdtcp.FailFast{Failures: 1, Penalty: 7 * time.Second}},
				},
				{Address: at("127.0.0.1:3"), DstName: dtab.Path{"x"}, MaxConnections: 100000},
			}}},
		}},
		{"TLS of clients", tlsServer, linkerdtcp.Config{
			Admin: at("127.0.0.1:9989"), Grace: 10 * time.Second,
			Routers: []linkerdtcp.Router{{Label: "a", Servers: []linkerdtcp.Server{{
				Address: at("127.0.0.1:443"), DstName: dtab.Path{"x"}, MaxConnections: 100000,
				TLS: &linkerdtcp.TLS{
					Default: &linkerdtcp.Identity{
						Where: "f:8:24: defaultIdentity", Certs: []string{"own.pem", "chain.pem"}, PrivateKey: "own.key",
					},
					Identities: map[string]linkerdtcp.Identity{
						"a.example.com": {Where: "f:10:24: identity of a.example.com", Certs: []string{"a.pem"}, PrivateKey: "a.key"},
						"*.example.com": {Where: "f:10:24: identity of *.example.com", Certs: []string{"a.pem"}, PrivateKey: "a.key"},
					},
					Protocols: []string{"h2", "redis"},
				},
			}}}},
		}},
	} {
		got, warnings, err := linkerdtcp.Parse("f", []byte(c.text))
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, warnings %v", c.reason, err, warnings)
			continue
		}
		for _, router := range c.want.Routers {
			for i := range router.Servers {
				if fast := &router.Servers[i].Backends.FailFast; *fast == (linkerdtcp.FailFast{}) {
					*fast = linkerdtcp.FailFast{Failures: 5, Penalty: time.Minute}
				}
			}
		}
		compare := []cmp.Option{
			cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
			cmpopts.IgnoreUnexported(mounts.Namer{}), cmpopts.EquateEmpty(),
		}
		if diff := cmp.Diff(&c.want, got, compare...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func table(t *testing.T, text string) dtab.Dtab {
	t.Helper()
	parsed, err := dtab.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestMistakesAreToldWithTheirPlace(t *testing.T) {
	namerd := func(rest string) string {
		return "routers:\n- label: a\n  servers: [{port: 1, dstName: /x}]\n  interpreter:\n    kind: io.l5d.namerd.http\n" + rest
	}
	server := func(rest string) string {
		return "routers:\n- label: a\n  dtab: ''\n  servers:\n  - " + rest
	}
	const keys = "known are port, ip, dstName, connectTimeoutMs, connectionLifetimeSecs, maxConcurrency, tls, congestionControl, proxyProtocol"
	for _, c := range []struct{ reason, text, want string }{
		{"nothing", "", "f: it is empty; at least one router is needed"},
		{"no router", "admin:", "f:1:1: the configuration needs routers"},
		{"an empty list", "routers: []", "f:1:10: at least one router is needed"},
		{"an unknown key", least + "telemetry: []", `f:5:1: unknown key "telemetry" in the configuration: known are admin, bufferSizeBytes, namers, routers`},
		{"an unknown key of a server", server("{port: 1, dstName: /x, clearContext: true}"), `f:5:28: unknown key "clearContext" in a server: ` + keys},
		{"an unknown key of admin", least + "admin: {enabled: false}", `f:5:9: unknown key "enabled" in admin: known are ip, port, metricsIntervalSecs, graceSecs`},
		{"no label", "routers:\n- dtab: ''\n  servers: [{port: 1, dstName: /x}]", "f:2:3: a router needs label"},
		{"an empty label", "routers:\n- label: ''\n  dtab: ''\n  servers: [{port: 1, dstName: /x}]", "f:2:10: label is empty"},
		{
			"a label twice", least + "- {label: a, dtab: '', servers: [{port: 2, dstName: /x}]}",
			`f:5:11: label "a" comes twice; metrics could not tell the routers apart`,
		},
		{"no interpreter", "routers: [{label: a, servers: [{port: 1, dstName: /x}]}]", "f:1:11: a router needs interpreter, or a dtab"},
		{"no servers", "routers: [{label: a, dtab: ''}]", "f:1:11: a router needs servers"},
		{"an empty list of servers", "routers: [{label: a, dtab: '', servers: []}]", "f:1:32: at least one server is needed"},
		{"a table beside a namerd", namerd("    baseUrl: http://a\n    namespace: b\n    periodSecs: 1\n  dtab: ''"), "f:9:3: a dtab is for interpreter default; with io.l5d.namerd.http the namerd has it, in the namespace"},
		{
			"a table that does not parse", "routers:\n- label: a\n  dtab: |\n    /a => /b ;\n    /c ;\n  servers: [{port: 1, dstName: /x}]",
			"f:5:8: the dtab does not parse: '=' expected, but ';' found; write => between prefix and destination, as in /svc => /cluster",
		},
		{"what namerd needs", namerd(""), "f:5:5: interpreter io.l5d.namerd.http needs baseUrl\nf:5:5: interpreter io.l5d.namerd.http needs namespace\nf:5:5: interpreter io.l5d.namerd.http needs periodSecs"},
		{"no period", namerd("    baseUrl: http://a\n    namespace: b\n    periodSecs: 0"), `f:8:17: periodSecs must be a whole number from 1 to 2147483647, and is "0"`},
		{"no URL", namerd("    baseUrl: namerd:4180\n    namespace: b\n    periodSecs: 1"), `f:6:14: baseUrl "namerd:4180" is not like http://HOST:PORT`},
		{"a password", namerd("    baseUrl: http://a:b@c\n    namespace: b\n    periodSecs: 1"), `f:6:14: baseUrl must not have a user, a query or a fragment`},
		{"a query", namerd("    baseUrl: http://c?\n    namespace: b\n    periodSecs: 1"), `f:6:14: baseUrl must not have a user, a query or a fragment`},
		{"a namespace that no URL has", namerd("    baseUrl: http://a\n    namespace: a?b\n    periodSecs: 1"), `f:7:16: namespace "a?b" cannot stand in a URL, and so cannot be asked for`},
		{"a namespace that leads elsewhere", namerd("    baseUrl: http://a\n    namespace: ../x\n    periodSecs: 1"), `f:7:16: namespace "../x" cannot stand in a URL, and so cannot be asked for`},
		{"another interpreter", "routers: [{label: a, interpreter: {kind: io.l5d.mesh}, servers: [{port: 1, dstName: /x}]}]", "f:1:42: interpreter io.l5d.mesh is not offered; io.l5d.namerd.http asks the same namerd over HTTP"},
		{"an unknown interpreter", "routers: [{label: a, interpreter: {kind: x}, servers: [{port: 1, dstName: /x}]}]", `f:1:42: unknown kind "x" of interpreter: known are io.l5d.namerd.http, default`},
		{"what a server needs", server("{}"), "f:5:5: a server needs port\nf:5:5: a server needs dstName"},
		{"port 0", server("{port: 0, dstName: /x}"), "f:5:6: port is 0, and must be from 1 to 65535"},
		{"a port twice", server("{port: 1, dstName: /x}\n  - {port: 1, ip: '::ffff:127.0.0.1', dstName: /y}"), "f:6:6: 127.0.0.1:1 is another server's"},
		{"a name for an address", server("{port: 1, ip: localhost, dstName: /x}"), `f:5:19: "localhost" is not an IP address`},
		{"a zone", server("{port: 1, ip: 'fe80::1%eth0', dstName: /x}"), `f:5:15: fe80::1%eth0 has a zone, which is not known here`},
		{"no path", server("{port: 1, dstName: redis}"), "f:5:24: dstName: '/' expected, but 'r' found; begin the path with /, as in /svc"},
		{"the empty path", server("{port: 1, dstName: /}"), "f:5:24: dstName is empty"},
		{"no limit", server("{port: 1, dstName: /x, maxConcurrency: 0}"), `f:5:44: maxConcurrency must be a whole number from 1 to 2147483647, and is "0"`},
		{
			"nobody trusted", server("{port: 1, dstName: /x, proxyProtocol: {}}"),
			"f:5:43: proxyProtocol of a server needs trustedCIDRs",
		},
		{
			"somebody without a network", server("{port: 1, dstName: /x, proxyProtocol: {trustedCIDRs: [10.0.0.1]}}"),
			"f:5:58: trustedCIDRs: \"10.0.0.1\" is not a network such as 10.0.0.0/8 or 2001:db8::/32",
		},
		{
			"no network", server("{port: 1, dstName: /x, proxyProtocol: {trustedCIDRs: []}}"),
			"f:5:58: trustedCIDRs must be a list of 1 to 64 networks",
		},
		{
			"no congestion control", server("{port: 1, dstName: /x, congestionControl: ''}"),
			"f:5:47: congestionControl is empty; leave it out for the kernel's default",
		},
		{
			"a congestion control that no kernel has", server("{port: 1, dstName: /x, congestionControl: Cubic}\n  client: {kind: io.l5d.global, congestionControl: [a]}"),
			"f:5:47: congestion control \"Cubic\" is not of at most 15 of a-z, 0-9, _ and -\nf:6:52: congestionControl must be a text",
		},
		{"a time that is no number", server("{port: 1, dstName: /x, connectTimeoutMs: 5s}"), `f:5:46: connectTimeoutMs must be a whole number from 1 to 2147483647, and is "5s"`},
		{
			"no identity", server("{port: 1, dstName: /x, tls: {alpnProtocols: [a]}}"),
			"f:5:33: tls of a server needs defaultIdentity, or identities",
		},
		{
			"half an identity", server("{port: 1, dstName: /x, tls: {defaultIdentity: {certs: [a]}}}"),
			"f:5:51: defaultIdentity needs privateKey",
		},
		{
			"no files", server("{port: 1, dstName: /x, tls: {defaultIdentity: {certs: [], privateKey: ''}}}"),
			"f:5:59: certs must be a list of 1 to 16 files\nf:5:75: privateKey is empty",
		},
		{
			"a file for a list", server("{port: 1, dstName: /x, tls: {defaultIdentity: {certs: a, privateKey: [b]}}}"),
			"f:5:59: certs must be a list of 1 to 16 files\nf:5:74: privateKey must be a text",
		},
		{
			"an unknown key of an identity", server("{port: 1, dstName: /x, tls: {identities: {a.b: {certs: [''], privateKey: b, x: 1}}}}"),
			"f:5:61: a file name is empty\nf:5:81: unknown key \"x\" in identity of a.b: known are certs, privateKey",
		},
		{
			"host names", server("{port: 1, dstName: /x, tls: {defaultIdentity: &i {certs: [a], privateKey: b}, identities: {10.0.0.1: *i, a.b: *i, A.b: *i}}}"),
			"f:5:96: identities: \"10.0.0.1\" is an IP address, and clients ask for host names only; it may be the default identity's\n" +
				"f:5:119: host name a.b has an identity already",
		},
		{
			"no host names", server("{port: 1, dstName: /x, tls: {identities: {}}}"),
			"f:5:46: identities must be a mapping of host names to identities",
		},
		{
			"protocols", server("{port: 1, dstName: /x, tls: {defaultIdentity: {certs: [a], privateKey: b}, alpnProtocols: [a, a]}}"),
			"f:5:95: alpnProtocols: ALPN protocol \"a\" comes twice",
		},
		{
			"TLS to backends without a name", least + "  client: {kind: io.l5d.global, tls: {trustCerts: [a]}}",
			"f:5:38: tls of a client needs dnsName",
		},
		{
			"TLS to backends by a wildcard", least + "  client: {kind: io.l5d.global, tls: {dnsName: '*.x', trustCerts: [a]}}",
			`f:5:48: dnsName: server name "*.x" has a wildcard: endpoints are asked for one name`,
		},
		{
			"a PROXY protocol that there is not", least + "  client: {kind: io.l5d.global, proxyProtocol: 3}",
			`f:5:48: proxyProtocol must be a whole number from 1 to 2, and is "3"`,
		},
		{"a client without a kind", least + "  client: {connectTimeoutMs: 1}", "f:5:11: client needs a kind"},
		{"an unknown client", least + "  client: {kind: x}", `f:5:18: unknown kind "x" of client: known are io.l5d.global, io.l5d.static`},
		{"no configs", least + "  client: {kind: io.l5d.static}", "f:5:11: client io.l5d.static needs configs"},
		{"no prefix", least + "  client: {kind: io.l5d.static, configs: [{}]}", "f:5:43: a config of client io.l5d.static needs prefix"},
		{"an unknown key of failFast", least + "  client: {kind: io.l5d.global, failFast: {x: 1}}", `f:5:44: unknown key "x" in failFast: known are maxConsecutiveFailures, failurePenaltySecs`},
		{"namers that overlap", least + "namers:\n- {kind: io.l5d.fs, rootDir: a}\n- {kind: io.l5d.fs, rootDir: b}", "f:7:3: the prefixes of two namers overlap: /io.l5d.fs, and /io.l5d.fs in line 6"},
	} {
		_, _, err := linkerdtcp.Parse("f", []byte(c.text))
		if err == nil {
			t.Errorf("%s: no mistake is found", c.reason)
		} else if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func TestWhatIsDoneInAnotherWayIsAWarning(t *testing.T) {
	_, warnings, err := linkerdtcp.Parse("f", []byte(
		"namers: [{kind: io.l5d.fs, rootDir: a}]\nrouters:\n- label: a\n  interpreter: {kind: io.l5d.namerd.http, baseUrl: 'https://a/b', namespace: a/b, periodSecs: 1}\n"+
			"  servers: [{port: 1, dstName: /x}]\n  client:\n    kind: io.l5d.global\n    minConnections: 1\n    proxyProtocol: 1\n    maxWaiters: 5\n    failFast: {maxConsecutiveFailures: 5, failurePenaltySecs: 60}\n"))
	want := []string{
		"f:1:1: namers are for routers with interpreter default, and there are none",
		"f:8:5: minConnections has no effect beside tls, proxyProtocol or congestionControl: such connections are opened for their client",
	}
	if diff := cmp.Diff(want, warnings); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, warnings, err := linkerdtcp.Parse("f", []byte(least+"  client: {kind: io.l5d.global, minConnections: 0}")); err != nil || len(warnings) > 0 {
		t.Errorf("a default that is spelt out: %v, %v", warnings, err)
	}
}

func TestWhatIsSaidOfConnectionsCountsBelowItsPrefix(t *testing.T) {
	config, warnings, err := linkerdtcp.Parse("f", []byte(
		"routers:\n- label: a\n  dtab: ''\n  servers: [{port: 1, dstName: /x/y}, {port: 2, dstName: /z}]\n  client:\n    kind: io.l5d.static\n"+
			"    configs:\n    - {prefix: /, maxWaiters: 7}\n    - {prefix: /x, minConnections: 3, maxWaiters: 5}\n"))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	for i, want := range [][2]int{{3, 5}, {0, 7}} {
		b := config.Routers[0].Servers[i].Backends
		if got := [2]int{b.MinConnections, b.MaxWaiters}; got != want {
			t.Errorf("server %d has %v, want %v", i, got, want)
		}
	}
}

func TestTooLongAConfigurationIsNotRead(t *testing.T) {
	_, _, err := linkerdtcp.Parse("f", []byte(strings.Repeat("#", document.MaxText+1)))
	if err == nil || !strings.Contains(err.Error(), "too many") {
		t.Error(err)
	}
}

// FuzzParse holds what the proxy relies on against any file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{demo, least, tlsServer, "a: &a [*a]", "{\"routers\":\t[]}", "routers: &r\n- *r", "routers: [{servers: [{port: 0x1}]}]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, _, err := linkerdtcp.Parse("f", text)
		if err != nil {
			return
		}
		addresses, labels := map[netip.AddrPort]bool{}, map[string]bool{}
		for _, r := range config.Routers {
			if r.Label == "" || labels[r.Label] || len(r.Servers) == 0 || r.Namerd != nil && (r.Namerd.BaseURL.Host == "" || r.Namerd.Period <= 0) {
				t.Errorf("router %+v", r)
			}
			labels[r.Label] = true
			for _, s := range r.Servers {
				if addresses[s.Address] || s.Address.Port() == 0 || !s.Address.IsValid() || len(s.DstName) == 0 || s.MaxConnections == 0 {
					t.Errorf("server %+v", s)
				}
				addresses[s.Address] = true
				checkTLS(t, s.TLS)
			}
		}
	})
}

func checkTLS(t *testing.T, c *linkerdtcp.TLS) {
	t.Helper()
	if c == nil {
		return
	}
	identities := slices.Collect(maps.Values(c.Identities))
	if c.Default != nil {
		identities = append(identities, *c.Default)
	}
	if len(identities) == 0 || tlsconf.CheckProtocols(c.Protocols) != nil {
		t.Errorf("TLS %+v", c)
	}
	for host := range c.Identities {
		if host != strings.ToLower(host) || tlsconf.CheckHost(host) != nil {
			t.Errorf("TLS for host %q", host)
		}
	}
	for _, i := range identities {
		if i.PrivateKey == "" || len(i.Certs) == 0 || slices.Contains(i.Certs, "") || !strings.HasPrefix(i.Where, "f:") {
			t.Errorf("identity %+v", i)
		}
	}
}
