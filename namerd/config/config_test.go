// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/namerd/config"
)

const demo = `admin:
  ip: 0.0.0.0
  port: 9999

namers:
- kind: io.l5d.fs
  rootDir: /disco

storage:
  kind: io.l5d.inMemory
  namespaces:
    default: |
      /cluster   => /#/io.l5d.fs;
      /svc       => /cluster;
      /svc/redis => /cluster/redis1;

interfaces:
- kind: io.l5d.httpController
  ip: 0.0.0.0
  port: 4180
`

func TestConfigurationsAreRead(t *testing.T) {
	for _, c := range []struct{ reason, text, want string }{
		{
			"the demo of linkerd-tcp", demo,
			`{"admin":{"ip":"0.0.0.0","port":9999},
			  "storage":{"kind":"io.l5d.inMemory","namespaces":{"default":"/cluster   => /#/io.l5d.fs;\n/svc       => /cluster;\n/svc/redis => /cluster/redis1;\n"}},
			  "namers":[{"kind":"io.l5d.fs","prefix":"/io.l5d.fs","rootDir":"/disco"}],
			  "interfaces":[{"kind":"io.l5d.httpController","ip":"0.0.0.0","port":4180}]}`,
		},
		{
			"the least", "storage: {kind: io.l5d.inMemory}\ninterfaces: [{kind: io.l5d.httpController}]",
			`{"admin":{"ip":"127.0.0.1","port":9991},"storage":{"kind":"io.l5d.inMemory","namespaces":{}},"namers":[],
			  "interfaces":[{"kind":"io.l5d.httpController","ip":"127.0.0.1","port":4180}]}`,
		},
		{
			"the names of the first namerd",
			"storage:\n  kind: io.buoyant.namerd.storage.inMemory\ninterfaces:\n- kind: httpController\n  ip: 0.0.0.0\n  port: 4180",
			`{"admin":{"ip":"127.0.0.1","port":9991},"storage":{"kind":"io.l5d.inMemory","namespaces":{}},"namers":[],
			  "interfaces":[{"kind":"io.l5d.httpController","ip":"0.0.0.0","port":4180}]}`,
		},
		{
			"JSON, indented by tabs",
			"{\n\t\"storage\": {\"kind\": \"io.l5d.inMemory\", \"namespaces\": {\"a\": \"/a => /b\", \"b\": null}},\n\t" +
				"\"namers\": [{\"kind\": \"io.l5d.rewrite\", \"prefix\": \"/rw\", \"pattern\": \"/{x}\", \"name\": \"/svc/{x}\"}],\n\t" +
				"\"interfaces\": [{\"kind\": \"io.l5d.httpController\", \"port\": 1}, {\"kind\": \"io.l5d.httpController\", \"ip\": \"::1\", \"port\": 2}],\n\t" +
				"\"telemetry\": [{\"kind\": \"io.l5d.prometheus\"}]\n}\n",
			`{"admin":{"ip":"127.0.0.1","port":9991},"storage":{"kind":"io.l5d.inMemory","namespaces":{"a":"/a => /b","b":""}},
			  "namers":[{"kind":"io.l5d.rewrite","prefix":"/rw","pattern":"/{x}","name":"/svc/{x}"}],
			  "interfaces":[{"kind":"io.l5d.httpController","ip":"127.0.0.1","port":1},{"kind":"io.l5d.httpController","ip":"::1","port":2}]}`,
		},
		{
			"an alias, and values that are missing",
			"admin:\nstorage: {kind: io.l5d.inMemory, namespaces: }\nnamers:\ninterfaces:\n- &one {kind: io.l5d.httpController, port: 0}\n- *one",
			`{"admin":{"ip":"127.0.0.1","port":9991},"storage":{"kind":"io.l5d.inMemory","namespaces":{}},"namers":[],
			  "interfaces":[{"kind":"io.l5d.httpController","ip":"127.0.0.1","port":0},{"kind":"io.l5d.httpController","ip":"127.0.0.1","port":0}]}`,
		},
	} {
		got, err := config.Parse("namerd.yml", []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if diff := cmp.Diff(decoded(t, c.want), decoded(t, encoded(t, got))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func encoded(t *testing.T, c *config.Config) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err, text)
	}
	return value
}

func TestWeightsAreReadExactly(t *testing.T) {
	c, err := config.Parse("f", []byte("storage: {kind: io.l5d.inMemory, namespaces: {a: /a=>0.001*/b&/c}}\ninterfaces: [{kind: httpController}]"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Namespaces[0].Table[0].Dst.Children[0].Weight; got != 0.001 {
		t.Errorf("weight %v", got)
	}
}

// least is a good configuration, to which mistakes are added.
const least = "storage: {kind: io.l5d.inMemory}\ninterfaces: [{kind: io.l5d.httpController}]\n"

func TestMistakesAreToldWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ reason, text, want string }{
		{"nothing", "", `f: it is empty; a storage and one interface are needed`},
		{"only a comment", "# x", `f: it is empty; a storage and one interface are needed`},
		{"no mapping", "- a", "f:1:1: the configuration must be a mapping of admin, storage, namers, interfaces, telemetry\nf:1:1: \"storage\" is missing\nf:1:1: \"interfaces\" is missing"},
		{"no YAML", "a: [", `f: yaml: line 1: did not find expected node content`},
		{"two documents", least + "---\na: b", `f: yaml: line 3: there must be one document only`},
		{"an unknown key", least + "nammers: []", `f:3:1: unknown key "nammers" in the configuration: known are admin, storage, namers, interfaces, telemetry`},
		{"an unknown key below", "storage:\n  kind: io.l5d.inMemory\n  path: /x\ninterfaces:\n- kind: io.l5d.httpController\n  prot: 1", "f:3:3: unknown key \"path\" in storage io.l5d.inMemory: known are kind, namespaces\n" +
			`f:6:3: unknown key "prot" in interface io.l5d.httpController: known are kind, ip, port`},
		{"a key twice", least + "admin: {port: 1, port: 2}", `f:3:18: key "port" in admin comes twice`},
		{"missing keys", "admin: {}", "f:1:1: \"storage\" is missing\nf:1:1: \"interfaces\" is missing"},
		{"no interface", "storage: {kind: io.l5d.inMemory}\ninterfaces: []", `f:2:1: at least one interface is needed, such as io.l5d.httpController`},
		{"no list", "storage: {kind: io.l5d.inMemory}\ninterfaces: {kind: io.l5d.httpController}", `f:2:13: interfaces must be a list`},
		{"no kind", "storage: {}\ninterfaces: [{port: 1}]", "f:1:10: storage needs a kind\nf:2:14: an interface needs a kind"},
		{"no mapping for a kind", "storage: io.l5d.inMemory\ninterfaces: [a]", "f:1:10: storage must be a mapping with a kind\nf:2:14: an interface must be a mapping with a kind"},
		{"unknown kinds", "storage: {kind: io.l5d.disk}\ninterfaces: [{kind: http}]\nnamers: [{kind: io.l5d.x}]\ntelemetry: [{kind: io.l5d.zipkin}]", "f:1:17: unknown kind \"io.l5d.disk\" of storage: known is io.l5d.inMemory\n" +
			"f:2:21: unknown kind \"http\" of interface: known is io.l5d.httpController\n" +
			"f:3:17: unknown kind \"io.l5d.x\" of namer: known are io.l5d.fs, io.l5d.rewrite\n" +
			`f:4:20: unknown kind "io.l5d.zipkin" of telemeter: known is io.l5d.prometheus`},
		{
			"kinds that linkerd has", "storage: {kind: io.l5d.k8s}\ninterfaces:\n- kind: io.l5d.thriftNameInterpreter\n  ip: 0.0.0.0\n- kind: io.l5d.mesh\nnamers: [{kind: io.l5d.serversets}]",
			"f:1:17: storage io.l5d.k8s is not offered here, only io.l5d.inMemory is; in a cluster wye-controller keeps tables, as Dtab objects\n" +
				"f:3:9: interface io.l5d.thriftNameInterpreter is not offered, only io.l5d.httpController is\n" +
				"f:5:9: interface io.l5d.mesh is not offered, only io.l5d.httpController is\n" +
				`f:6:17: namer io.l5d.serversets is not offered, only io.l5d.fs and io.l5d.rewrite are`,
		},
		{"no address", least + "admin: {ip: localhost, port: 65536}", "f:3:13: \"localhost\" is not an IP address\nf:3:30: \"65536\" is not a port from 0 to 65535"},
		{"a port that is a text", least + `admin: {port: "80"}`, `f:3:15: "80" is not a port from 0 to 65535`},
		{"a port that is a list", least + `admin: {port: [80]}`, `f:3:15: "" is not a port from 0 to 65535`},
		{
			"a table in a block", "storage:\n  kind: io.l5d.inMemory\n  namespaces:\n    default: |\n      /svc => /a ;\n      /b => ??? ;\ninterfaces: [{kind: io.l5d.httpController}]",
			"f:6:13: the dtab of namespace default does not parse: a destination expected, but '?' found; begin a destination with /, as in /a/b; or write !, ~ or $",
		},
		{
			"a table in a line", "storage: {kind: io.l5d.inMemory, namespaces: {default: /svc}}\ninterfaces: [{kind: io.l5d.httpController}]",
			"f:1:60: the dtab of namespace default does not parse: '=' expected, but end of input found; write => between prefix and destination, as in /svc => /cluster",
		},
		{
			"a table that is none", "storage: {kind: io.l5d.inMemory, namespaces: {default: [a]}}\ninterfaces: [{kind: io.l5d.httpController}]",
			`f:1:56: the dtab of namespace default must be a text`,
		},
		{
			"a namespace twice", "storage: {kind: io.l5d.inMemory, namespaces: {a: '', a: ''}}\ninterfaces: [{kind: io.l5d.httpController}]",
			`f:1:54: the name of namespace "a" is empty or comes twice`,
		},
		{"namers that lack something", least + "namers:\n- kind: io.l5d.fs\n- kind: io.l5d.rewrite\n  prefix: rw\n  name:", "f:4:3: namer io.l5d.fs needs rootDir\n" +
			"f:5:3: namer io.l5d.rewrite needs pattern\nf:5:3: namer io.l5d.rewrite needs name\n" +
			`f:6:11: prefix: '/' expected but 'r' found at '[r]w'`},
		{"transformers", least + "namers:\n- {kind: io.l5d.fs, rootDir: a, transformers: []}", `f:4:33: unknown key "transformers" in namer io.l5d.fs: known are kind, prefix, rootDir`},
		{
			"prefixes that overlap", least + "namers:\n- {kind: io.l5d.fs, rootDir: a}\n- {kind: io.l5d.fs, rootDir: b, prefix: /io.l5d.fs/b}\n- {kind: io.l5d.fs, rootDir: b, prefix: /c}",
			`f:5:41: the prefixes of two namers overlap: /io.l5d.fs/b, and /io.l5d.fs in line 4`,
		},
	} {
		_, err := config.Parse("f", []byte(c.text))
		if err == nil {
			t.Errorf("%s: no mistake is found", c.reason)
		} else if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func TestTooLongAConfigurationIsNotRead(t *testing.T) {
	_, err := config.Parse("f", []byte(strings.Repeat("#", document.MaxText+1)))
	if err == nil || !strings.Contains(err.Error(), "too many") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{demo, least, "a: &a [*a]", "{\"storage\":\t{}}", "? [a]\n: b", "<<: *x", "a: !!binary x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("f", text)
		if err != nil {
			return
		}
		if _, err := config.Parse("f", []byte(encoded(t, c))); err != nil {
			t.Errorf("what is shown of %q cannot be read: %v", text, err)
		}
	})
}
