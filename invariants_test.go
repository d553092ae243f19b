// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wye holds no code: its tests keep the repository to its own rules. They
// parse files rather than ask `go list`, because the test cache notices files that
// a test opened but not what a command saw: a rule broken later would still pass.
package wye

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wye-dev/wye/"

// flow lists, for each package, the packages of this module that it may import.
// Read from top to bottom it is the way data moves.
var flow = map[string][]string{
	// What all share.
	"api/v1alpha1": {},
	"api/push/v1":  {},
	"dtab":         {},
	"dtab/lint":    {"dtab"},
	"document":     {"dtab", "dtab/lint"}, // configuration files

	// Discovery.
	"namer":         {"dtab"},
	"namer/fs":      {"dtab", "namer", "namer/inet"}, // files may name hosts
	"namer/inet":    {"dtab", "namer"},
	"namer/k8s":     {"dtab", "namer"},
	"namer/rewrite": {"dtab", "namer"},
	"namer/mounts":  {"document", "dtab", "namer", "namer/fs", "namer/inet", "namer/rewrite"},

	// namerd's interfaces over a store.
	"namerd/names":      {"dtab", "namer"},
	"namerd":            {"dtab", "namer", "namerd/names"},
	"namerd/inmemory":   {"dtab", "namerd"},
	"namerd/kubernetes": {"api/v1alpha1", "dtab", "namer", "namerd"},
	"namerd/boundnames": {"dtab"},
	"namerd/config":     {"document", "dtab", "namer/mounts"},
	"namerd/admin":      {},

	// The control plane.
	"controllers/watch":            {"api/v1alpha1", "controllers/translate", "dtab", "namer"},
	"controllers/translate":        {"api/push/v1", "api/v1alpha1", "dtab", "dtab/lint", "namer"},
	"controllers/observe":          {},
	"controllers/publish":          {"api/push/v1", "controllers/observe", "controllers/publish/authn", "controllers/publish/pki"},
	"controllers/publish/authn":    {},
	"controllers/publish/pki":      {},
	"controllers/publish/tickets":  {},
	"controllers/status":           {"api/push/v1", "api/v1alpha1", "controllers/fleet", "controllers/publish", "controllers/translate"},
	"controllers/fleet":            {"api/v1alpha1"},
	"controllers/fleet/deployment": {"api/v1alpha1", "controllers/fleet"},
	"controllers/fleet/process":    {"api/v1alpha1", "controllers/fleet"},
	"controllers/webhook":          {"api/v1alpha1", "controllers/translate", "dtab/lint"},
	"controllers": {
		"api/push/v1", "api/v1alpha1", "dtab", "namer", "namer/fs", "namer/inet", "namer/k8s", "namerd/kubernetes",
		"controllers/watch", "controllers/translate", "controllers/observe", "controllers/publish", "controllers/publish/authn",
		"controllers/publish/pki", "controllers/publish/tickets", "controllers/status", "controllers/fleet", "controllers/fleet/deployment",
		"controllers/fleet/process", "controllers/webhook",
	},

	// The data plane. What a proxy is told:
	"proxy/apply": {"api/push/v1"},
	"proxy/plan":  {"api/push/v1", "dtab", "proxy/balancer", "proxy/guard", "proxy/router", "proxy/socket", "proxy/tlsconf"},
	// what a proxy in front of it says of clients:
	"proxy/proxyproto": {},
	// what a client asks for:
	"proxy/hello": {},
	// and what a connection meets:
	"proxy/tlsconf":  {},
	"proxy/flow":     {},
	"proxy/guard":    {"proxy/flow"},
	"proxy/socket":   {},
	"proxy/handover": {"proxy/socket"},
	"proxy/warm":     {"proxy/balancer", "proxy/plan", "proxy/socket"},
	"proxy/listener": {"api/push/v1", "proxy/guard", "proxy/metrics", "proxy/migration", "proxy/plan", "proxy/socket"},
	"proxy/affinity": {}, // of clients, to arms and endpoints
	"proxy/router":   {"dtab", "proxy/affinity"},
	"proxy/balancer": {"proxy/affinity"},
	"proxy/metrics":  {"proxy/balancer", "proxy/flow", "proxy/plan", "proxy/tlsconf"},
	"proxy/upstream": {
		"proxy/balancer", "proxy/flow", "proxy/guard", "proxy/metrics", "proxy/plan", "proxy/proxyproto", "proxy/router", "proxy/socket",
	},
	"proxy/health":    {"proxy/balancer", "proxy/plan", "proxy/socket"},
	"proxy/migration": {"proxy/metrics", "proxy/plan"},
	"proxy/relay":     {"proxy/flow", "proxy/guard", "proxy/socket"},
	"proxy/loop": { // or, with goroutines,
		"proxy/balancer", "proxy/flow", "proxy/guard", "proxy/hello", "proxy/listener", "proxy/metrics", "proxy/migration", "proxy/plan", "proxy/proxyproto",
		"proxy/socket", "proxy/upstream",
	},
	"proxy/portable": {
		"proxy/balancer", "proxy/flow", "proxy/hello", "proxy/listener", "proxy/metrics", "proxy/migration", "proxy/plan", "proxy/proxyproto", "proxy/relay",
		"proxy/socket", "proxy/upstream",
	},
	"proxy/admin": {"api/push/v1", "proxy/apply"},
	"proxy": {
		"api/push/v1", "proxy/admin", "proxy/apply", "proxy/balancer", "proxy/handover", "proxy/health", "proxy/listener", "proxy/loop", "proxy/metrics", "proxy/plan", "proxy/portable", "proxy/socket",
		"proxy/tlsconf", "proxy/upstream", "proxy/warm",
	},
	"proxy/pushtest": {"api/push/v1"}, // a controller for the tests of the data plane
	// A proxy without a controller: what its file says, what names are bound to,
	// and a source of config made of both.
	"proxy/linkerdtcp":     {"document", "dtab", "namer/mounts", "proxy/socket", "proxy/tlsconf"},
	"proxy/tlsconf/files":  {"proxy/tlsconf"},
	"proxy/resolve":        {"dtab", "namer"},
	"proxy/resolve/namerd": {"dtab", "namer", "proxy/resolve"},
	"proxy/resolve/local":  {"dtab", "namer", "proxy/resolve"},
	"proxy/file": {
		"api/push/v1", "dtab", "namer", "namer/mounts", "proxy", "proxy/admin", "proxy/linkerdtcp", "proxy/plan",
		"proxy/resolve", "proxy/resolve/local", "proxy/resolve/namerd", "proxy/tlsconf/files",
	},

	// The command line.
	"cli/namerctl": {},
	"cli/tables":   {"dtab", "dtab/lint"},
	"cli/explain":  {"controllers/translate", "dtab"},
	"cli/world":    {"cli/explain", "dtab", "namer", "namer/k8s"},
	"cli": {
		"api/v1alpha1", "cli/explain", "cli/namerctl", "cli/tables", "cli/world", "controllers/observe",
		"controllers/translate", "controllers/watch", "dtab", "dtab/lint",
	},

	// Programs.
	"cmd/kubectl-wye":    {"cli"},
	"cmd/wye-controller": {"api/v1alpha1", "controllers"},
	"cmd/wye-proxy":      {"document", "proxy", "proxy/apply", "proxy/file", "proxy/handover", "proxy/linkerdtcp"},
	"cmd/wye-namerd": {
		"document", "dtab", "namer/mounts",
		"namerd", "namerd/admin", "namerd/boundnames", "namerd/config", "namerd/inmemory",
	},

	// Around the product.
	"hack/assets":   {},
	"hack/demo":     {"api/v1alpha1", "test/kube", "test/load", "test/ports", "test/story"},
	"hack/image":    {},
	"test/kube":     {},
	"test/load":     {},
	"test/ports":    {},
	"test/programs": {},
	"test/story":    {"api/v1alpha1", "test/load"},

	// The benchmark.
	"test/bench/report":     {},
	"test/bench":            {"test/bench/report"},
	"test/bench/controller": {"api/push/v1", "controllers/publish", "controllers/publish/authn"},
}

func TestImportsFollowTheFlow(t *testing.T) {
	for _, file := range goFiles(t) {
		allowed, known := flow[file.pkg]
		if !known && !file.test && file.pkg != "." {
			t.Errorf("%s: package %s is not in flow: say there what it may import", file.name, file.pkg)
		}
		for _, name := range file.imports() {
			dep, ours := strings.CutPrefix(name, module)
			if ours && !file.test && !slices.Contains(allowed, dep) {
				t.Errorf("%s imports %s, against the flow", file.name, dep)
			}
		}
	}
}

// The control plane and the data plane meet in api/push/v1 and dtab only, in
// their tests too.
func TestControllersAndProxyAreStrangers(t *testing.T) {
	for _, file := range goFiles(t) {
		for _, name := range file.imports() {
			dep := strings.TrimPrefix(name, module)
			if under(file.pkg, "controllers") && under(dep, "proxy") || under(file.pkg, "proxy") && under(dep, "controllers") {
				t.Errorf("%s imports %s", file.name, dep)
			}
		}
	}
}

// The proxy runs without any permission in the cluster and must stay small. Its
// own packages are followed import by import; what they import from elsewhere
// has to be on a list of modules that are known not to bring a Kubernetes client.
func TestProxyContainsNoKubernetes(t *testing.T) {
	known := []string{
		"github.com/fsnotify/fsnotify",
		"github.com/miekg/dns",
		"github.com/pires/go-proxyproto",
		"github.com/prometheus/client_golang/",
		"github.com/spf13/cobra",
		"github.com/spf13/pflag",
		"go.yaml.in/yaml/v3",
		"golang.org/x/",
		"google.golang.org/grpc",
		"google.golang.org/protobuf/",
	}
	imports := map[string][]string{} // package -> what it imports
	for _, file := range goFiles(t) {
		if !file.test {
			imports[file.pkg] = append(imports[file.pkg], file.imports()...)
		}
	}
	seen := map[string]bool{}
	var follow func(pkg string)
	follow = func(pkg string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		for _, name := range imports[pkg] {
			if dep, ours := strings.CutPrefix(name, module); ours {
				follow(dep)
				continue
			}
			isKnown := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
			if !standard(name) && !slices.ContainsFunc(known, isKnown) {
				t.Errorf("wye-proxy needs %s, which needs %s: is it free of Kubernetes? then add it here", pkg, name)
			}
		}
	}
	follow("cmd/wye-proxy")
}

// Pure packages give the same answer for the same question: they do no IO, log
// nothing, read no clock, and take no context.
func TestPurePackagesArePure(t *testing.T) {
	pure := []string{"dtab", "dtab/lint", "controllers/translate", "proxy/plan", "proxy/affinity", "proxy/router", "proxy/balancer"}
	impure := []string{
		"context", "io", "io/fs", "log", "net", "net/http", "os", "os/exec", "os/signal", "syscall",
		"log/slog", "github.com/go-logr/logr", "golang.org/x/sys/unix", "google.golang.org/grpc",
		"k8s.io/client-go", "sigs.k8s.io/controller-runtime",
	}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}
	for _, file := range goFiles(t) {
		if file.test || !slices.Contains(pure, file.pkg) {
			continue
		}
		for _, name := range file.imports() {
			if slices.Contains(impure, name) || under(name, "k8s.io/client-go") || under(name, "sigs.k8s.io/controller-runtime") {
				t.Errorf("%s imports %s", file.name, name)
			}
			if under(file.pkg, "dtab") && !standard(name) && !under(name, module+"dtab") {
				t.Errorf("%s imports %s; dtab needs the standard library only", file.name, name)
			}
		}
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := call.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, call.Sel.Name) {
					t.Errorf("%s uses time.%s", file.name, call.Sel.Name)
				}
			}
			return true
		})
	}
}

func under(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func standard(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".")
}
