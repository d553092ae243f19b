// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

var update = flag.Bool("update", false, "write the results into testdata")

// TestGolden runs each archive of testdata. An archive is a story: its files set
// the inputs (fleet.yaml, routes.yaml, dtabs.yaml, namespaces.yaml, names.yaml, proxies.yaml,
// materials.yaml, now), and each config.yaml and verdicts.yaml is what they translate to at that
// place. What is not set again stays as it was. A file called "restart" makes the
// translation forget the last good forms, as a controller that starts does.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { tell(t, file) })
	}
}

func tell(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var in inputs
	for i := range archive.Files {
		f := &archive.Files[i]
		switch f.Name {
		case "config.yaml":
			in.result = Fleet(in.snapshot(t))
			check(t, f, configText(t, in.result))
		case "verdicts.yaml":
			in.previous = in.result.Bound
			check(t, f, verdictsText(t, in.result))
		default:
			in.set(t, f)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, f *txtar.File, got []byte) {
	t.Helper()
	if *update {
		f.Data = got
	}
	if diff := cmp.Diff(string(f.Data), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", f.Name, diff)
	}
}

// inputs is what an archive has set so far.
type inputs struct {
	fleet      *v1alpha1.ProxyFleet
	routes     []*v1alpha1.TCPRoute
	dtabs      []*v1alpha1.Dtab
	namespaces map[string]map[string]string
	names      []nameState
	proxies    int
	materials  []materialState
	now        time.Time
	previous   map[types.NamespacedName]Bound
	result     Result
}

// nameState is the state of one name. Names that are not listed are awaited.
type nameState struct {
	Path string `json:"path"`
	// Endpoints are its addresses, each followed by the zones that it is meant for; with
	// AddrState they are left out.
	Endpoints []string `json:"endpoints,omitempty"`
	// AddrState is pending, neg or failed; bound when empty.
	AddrState string `json:"addrState,omitempty"`
	Cause     string `json:"cause,omitempty"`
	// ID is the bound name; the path itself when empty.
	ID string `json:"id,omitempty"`
	// Neg: no such name.
	Neg bool `json:"neg,omitempty"`
	// Error of the look-up.
	Error string `json:"error,omitempty"`
}

func (in *inputs) set(t *testing.T, f *txtar.File) {
	t.Helper()
	var err error
	switch f.Name {
	case "fleet.yaml":
		in.fleet = nil
		err = yaml.UnmarshalStrict(f.Data, &in.fleet)
	case "routes.yaml":
		in.routes = nil
		err = yaml.UnmarshalStrict(f.Data, &in.routes)
	case "dtabs.yaml":
		in.dtabs = nil
		err = yaml.UnmarshalStrict(f.Data, &in.dtabs)
	case "namespaces.yaml":
		in.namespaces = nil
		err = yaml.UnmarshalStrict(f.Data, &in.namespaces)
	case "names.yaml":
		in.names = nil
		err = yaml.UnmarshalStrict(f.Data, &in.names)
	case "proxies.yaml":
		err = yaml.UnmarshalStrict(f.Data, &in.proxies)
	case "materials.yaml":
		in.materials = nil
		err = yaml.UnmarshalStrict(f.Data, &in.materials)
	case "now":
		in.now, err = time.Parse(time.RFC3339, strings.TrimSpace(string(f.Data)))
	case "restart":
		in.previous = nil
	default:
		err = fmt.Errorf("not a name of an input")
	}
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
}

func (in *inputs) snapshot(t *testing.T) Snapshot {
	t.Helper()
	s := Snapshot{
		Fleet: in.fleet, Routes: in.routes, NamespaceLabels: in.namespaces, Previous: in.previous, Proxies: in.proxies,
		Dtabs: map[types.NamespacedName]*v1alpha1.Dtab{}, Now: in.now,
	}
	known := materials{}
	for _, m := range in.materials {
		known[parseRef(m.Ref)] = m.material(t)
	}
	s.Materials = known
	for _, d := range in.dtabs {
		s.Dtabs[types.NamespacedName{Namespace: d.Namespace, Name: d.Name}] = d
	}
	states := names{}
	for _, n := range in.names {
		states[dtab.MustParsePath(n.Path).String()] = n.state(t)
	}
	s.Names = states
	return s
}

// materialState is the state of a Secret or ConfigMap. Those that are not listed are awaited.
type materialState struct {
	Ref    string `json:"ref"`
	Absent bool   `json:"absent,omitempty"`
	Denied bool   `json:"denied,omitempty"`
	Type   string `json:"type,omitempty"`
	// Data is names of files in testdata/certificates, or else texts.
	Data map[string]string `json:"data,omitempty"`
}

func (m materialState) material(t *testing.T) *Material {
	t.Helper()
	state := &Material{Absent: m.Absent, Denied: m.Denied, Type: m.Type, Data: map[string][]byte{}}
	for key, text := range m.Data {
		state.Data[key] = []byte(text)
		if strings.HasSuffix(text, ".crt") || strings.HasSuffix(text, ".key") {
			data, err := os.ReadFile(filepath.Join("testdata", "certificates", text))
			if err != nil {
				t.Fatal(err)
			}
			state.Data[key] = data
		}
	}
	return state
}

// materials is a frozen view of them.
type materials map[Ref]*Material

func (m materials) Material(ref Ref) (*Material, bool) {
	state, ok := m[ref]
	return state, ok
}

func (n nameState) state(t *testing.T) namer.State {
	t.Helper()
	switch {
	case n.Error != "":
		return namer.State{Err: fmt.Errorf("%s", n.Error)}
	case n.Neg:
		return namer.State{}
	}
	id := n.Path
	if n.ID != "" {
		id = n.ID
	}
	return state(id, n.addr(t))
}

func (n nameState) addr(t *testing.T) namer.Addr {
	t.Helper()
	switch n.AddrState {
	case "pending":
		return namer.Addr{State: namer.AddrPending}
	case "neg":
		return namer.Addr{State: namer.AddrNeg}
	case "failed":
		return namer.Addr{State: namer.AddrFailed, Cause: n.Cause}
	}
	addr := namer.Addr{State: namer.AddrBound}
	for _, text := range n.Endpoints {
		fields := strings.Fields(text)
		addr.Endpoints = append(addr.Endpoints, namer.Endpoint{Addr: netip.MustParseAddrPort(fields[0]), Weight: 1, Zones: fields[1:]})
	}
	return addr
}

// names is a frozen discovery: text of a name -> state.
type names map[string]namer.State

func (n names) State(path dtab.Path) (namer.State, bool) {
	state, ok := n[path.String()]
	return state, ok
}

func state(id string, addr namer.Addr) namer.State {
	bound := &dtab.Bound{ID: dtab.MustParsePath(id)}
	return namer.State{Tree: dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{Bound: bound}}, Addr: addr}
}

// configText is a config for reading. (The text forms of protobuf itself are not stable.)
// In place of certificates and keys it has a few digits of their hash.
func configText(t *testing.T, r Result) []byte {
	t.Helper()
	config := proto.CloneOf(r.Config)
	digest := func(parts ...[]byte) string { return fmt.Sprintf(" %.4x", sha256.Sum256(bytes.Join(parts, nil))) }
	for _, i := range config.Identities {
		i.Name, i.Chain, i.Key = i.Name+digest(i.Chain, i.Key), nil, nil
	}
	for _, b := range config.TrustBundles {
		b.Name, b.Certificates = b.Name+digest(b.Certificates), nil
	}
	json, err := protojson.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.JSONToYAML(json)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// verdictsText is the rest of a result for reading.
func verdictsText(t *testing.T, r Result) []byte {
	t.Helper()
	type verdict struct {
		Route       string   `json:"route"`
		Accepted    string   `json:"accepted"`
		Resolved    string   `json:"resolved"`
		Replicas    string   `json:"replicas"`
		Serving     string   `json:"serving"`
		Destination string   `json:"destination"`
		Split       string   `json:"split,omitempty"`
		Arms        []string `json:"arms,omitempty"`
		Dtab        string   `json:"dtab,omitempty"`
	}
	var out struct {
		Verdicts []verdict `json:"verdicts"`
		Ports    []int32   `json:"ports"`
		Looked   []string  `json:"looked"`
		Needed   []string  `json:"needed,omitempty"`
		Expires  string    `json:"expires,omitempty"`
		Pending  bool      `json:"pending"`
	}
	out.Ports, out.Pending = r.Ports, r.Pending
	for _, p := range r.Looked {
		out.Looked = append(out.Looked, p.String())
	}
	for _, ref := range r.Needed {
		out.Needed = append(out.Needed, ref.String())
	}
	if !r.Expires.IsZero() {
		out.Expires = r.Expires.UTC().Format(time.RFC3339)
	}
	for _, v := range r.Verdicts {
		one := verdict{
			Route: v.Route.Namespace + "/" + v.Route.Name, Accepted: text(v.Accepted), Resolved: text(v.Resolved),
			Replicas: text(v.Replicas), Serving: v.Serving.String(), Destination: v.Destination, Split: v.Split,
		}
		for _, a := range v.Arms {
			one.Arms = append(one.Arms, fmt.Sprintf("%s: weight %s, %s, %d ready, %s", a.Name, a.Weight, a.Share, a.Ready, a.Bound))
		}
		if v.Dtab != nil {
			one.Dtab = v.Dtab.String()
		}
		out.Verdicts = append(out.Verdicts, one)
	}
	data, err := yaml.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func text(j Judgement) string {
	status := "False"
	switch {
	case j.True:
		status = "True"
	case j.Unknown:
		status = "Unknown"
	}
	return strings.TrimRight(fmt.Sprintf("%s %s %s: %s", j.Type, status, j.Reason, j.Message), ": ")
}
