//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/test/bench/report"
)

func TestPeersFileIsComplete(t *testing.T) {
	pf, err := readPeers("peers.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range pf.Peers {
		p := &pf.Peers[i]
		if seen[p.Name] {
			t.Errorf("two peers %s", p.Name)
		}
		seen[p.Name] = true
		v := exampleVars(p)
		for _, command := range [][]string{p.Command, p.Beside} {
			if _, err := expandAll(command, v); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
		for _, listener := range p.Listeners {
			if _, ok := v.listeners()[listener]; !ok {
				t.Errorf("%s: no such listener: %s", p.Name, listener)
			}
		}
		for _, name := range p.Files {
			if _, err := expandFile(pf, name, v); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
	if !seen[pf.Reference] || !seen["direct"] {
		t.Errorf("no direct or no reference %q among %v", pf.Reference, seen)
	}
}

func exampleVars(p *peer) *vars {
	return &vars{
		Dir: "/dir", Host: host, TCP: 1, TLS: 2, Weighted: 3, Admin: 4, Backend: endpoint{Host: host, Port: 9}, Cert: "/cert.pem", Key: "/key.pem",
		Weights: []endpoint{{ID: 11, Host: host, Port: 5, Weight: 3}, {ID: 12, Host: host, Port: 6, Weight: 1}},
		peer:    p,
	}
}

func expandFile(pf *peersFile, name string, v *vars) (string, error) {
	text, err := os.ReadFile(pf.path(name))
	if err != nil {
		return "", err
	}
	return expand(name, string(text), v)
}

func TestWyeHasTheListenersAndOptionsThatItsPeerOffers(t *testing.T) {
	pf, err := readPeers("peers.json")
	if err != nil {
		t.Fatal(err)
	}
	plain := `admin: {ip: 127.0.0.1, port: 4, graceSecs: 1}
routers:
- label: bench
  interpreter: {kind: default}
  dtab: |
    /one      => /$/inet/127.0.0.1/9 ;
    /weighted => 3 * /$/inet/127.0.0.1/5 & 1 * /$/inet/127.0.0.1/6 ;
  servers:
  - {ip: 127.0.0.1, port: 1, dstName: /one}
  - {ip: 127.0.0.1, port: 3, dstName: /weighted}
`
	secured := plain + `  - ip: 127.0.0.1
    port: 2
    dstName: /one
    tls: {defaultIdentity: {certs: ["/cert.pem"], privateKey: "/key.pem"}}
`
	cubic := strings.Replace(plain, "dstName: /one}", "dstName: /one, congestionControl: cubic}", 1) +
		"  client: {kind: io.l5d.global, congestionControl: cubic}\n"
	for _, c := range []struct {
		reason string
		peer   peer
		want   string
	}{
		{"as it is", peer{Listeners: []string{"tcp"}}, plain},
		{"with TLS", peer{Listeners: []string{"tcp", "tls"}}, secured},
		{"with an option", peer{Options: map[string]string{"congestionControl": "cubic"}}, cubic},
	} {
		got, err := expandFile(pf, "configs/wye.yml.tmpl", exampleVars(&c.peer))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}

func TestChoiceSaysWhatIsOffAndWhatIsMissing(t *testing.T) {
	pf := &peersFile{dir: t.TempDir(), Peers: []peer{
		{Name: "direct", Direct: true},
		{Name: "later", Direct: true, Off: "not yet"},
		{Name: "absent", Command: []string{"./absent"}},
		{Name: "without", Command: []string{"sh"}, Needs: []string{"module.so"}},
		{Name: "here", Command: []string{"sh"}},
	}}
	for _, c := range []struct {
		names                []string
		chosen, missing, off []string
	}{
		{nil, []string{"direct", "here"}, []string{"absent", "without"}, []string{"later"}},
		{[]string{"later", "here"}, []string{"later", "here"}, nil, nil},
	} {
		var off []string
		chosen, missing := pf.choose(c.names, func(p *peer, _ string) { off = append(off, p.Name) })
		if diff := cmp.Diff([][]string{c.chosen, c.missing, c.off}, [][]string{peerNames(chosen), peerNames(missing), off}); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.names, diff)
		}
	}
}

func peerNames(peers []*peer) (names []string) {
	for _, p := range peers {
		names = append(names, p.Name)
	}
	return names
}

// Every goal must speak of scenarios, candidates and metrics that there are.
func TestGoalsSpeakOfWhatIsMeasured(t *testing.T) {
	pf, err := readPeers("peers.json")
	if err != nil {
		t.Fatal(err)
	}
	all := scenarios(100)
	for _, g := range report.Goals() {
		for _, name := range g.Scenarios {
			i := slices.IndexFunc(all, func(s scenario) bool { return s.Name == name })
			if i < 0 {
				t.Errorf("%s: no scenario %s", g.Title, name)
				continue
			}
			if !slices.Contains(all[i].Show, g.Metric) {
				t.Errorf("%s: %s does not show %s", g.Title, name, g.Metric)
			}
			for _, candidate := range append([]string{g.Candidate}, g.Against...) {
				j := slices.IndexFunc(pf.Peers, func(p peer) bool { return p.Name == candidate })
				switch {
				case j < 0:
					t.Errorf("%s: no peer %s", g.Title, candidate)
				case !pf.Peers[j].can(all[i].Listener) || pf.Peers[j].skips(name):
					t.Errorf("%s: %s has no part in %s", g.Title, candidate, name)
				}
			}
		}
	}
}

func TestScenarioNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenarios(100) {
		if seen[s.Name] {
			t.Errorf("two scenarios %s", s.Name)
		}
		seen[s.Name] = true
		if _, ok := loads()[s.Spec.Kind]; !ok {
			t.Errorf("%s: no load of kind %s", s.Name, s.Spec.Kind)
		}
	}
}
