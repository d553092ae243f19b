//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// peersFile is what -peers names: the candidates to compare.
type peersFile struct {
	Reference string `json:"reference"` // the peer that ratios are given against, too
	Peers     []peer `json:"peers"`

	dir string // of the file: its paths are relative to it
}

// peer describes one candidate. The strings of Command, Beside, Env and the files'
// contents are Go templates over vars.
type peer struct {
	Name string `json:"name"`
	// Direct marks the baseline: no proxy, the client talks to the backend.
	Direct bool `json:"direct"`
	// Command starts the proxy in the foreground.
	Command []string `json:"command"`
	// Beside starts a program that the proxy needs, before it. It is not measured.
	Beside []string `json:"beside"`
	Env    []string `json:"env"`
	// Files are written to the peer's own directory before each start: file name
	// there -> template, relative to the peers file.
	Files map[string]string `json:"files"`
	// Options are for the templates, as .Option.
	Options map[string]string `json:"options"`
	// Listeners says what the peer can do: a key of listeners.
	Listeners []string `json:"listeners"`
	// Version is a command whose output's first line is put in the result.
	Version []string `json:"version"`
	// Needs are further files that must be there.
	Needs []string `json:"needs"`
	// Package is what to install where the program or such a file is missing.
	Package string `json:"package"`
	// FDsPerConn is how many descriptors a proxied connection takes (2 when not
	// given; 6 with a pipe for each direction): the idle scenarios open fewer
	// connections when the limit on open files asks for it.
	FDsPerConn int `json:"fdsPerConn"`
	// Skip lists scenarios (by prefix) that are not to be run.
	Skip []string `json:"skip"`
	// Off says why the peer is left out unless it is asked for by its name.
	Off string `json:"off"`
}

func (p *peer) can(listener string) bool {
	return p.Direct && (listener == "tcp" || listener == "tls") || slices.Contains(p.Listeners, listener)
}

func (p *peer) skips(scenario string) bool {
	return slices.ContainsFunc(p.Skip, func(s string) bool { return strings.HasPrefix(scenario, s) })
}

// vars are what the templates can use.
type vars struct {
	Dir       string // the peer's own directory, with its Files in it
	Host      string // the address that everything listens on
	TCP       int    // ports to listen on
	TLS       int
	Weighted  int
	Admin     int
	Push      int        // that the controller beside a peer serves config on
	Control   int        // and where it is told what to do
	Backend   endpoint   // of TCP and TLS
	Weights   []endpoint // of Weighted
	Cert, Key string     // PEM files
	CertKey   string     // both in one file
	CPUs      int
	MaxConns  int // that the peer must be ready for
	Files     int // limit on its open files

	peer *peer
}

// Offers tells whether the peer has a listener.
func (v *vars) Offers(listener string) bool { return v.peer != nil && v.peer.can(listener) }

// Option is one of the peer's options, empty when not given.
func (v *vars) Option(name string) string {
	if v.peer == nil {
		return ""
	}
	return v.peer.Options[name]
}

// listeners are what peers may have: name -> port.
func (v *vars) listeners() map[string]int {
	return map[string]int{"tcp": v.TCP, "tls": v.TLS, "weighted": v.Weighted, "pushed": v.TCP, "swap": v.TCP}
}

type endpoint struct {
	ID     int
	Host   string
	Port   int
	Weight int
}

func (e endpoint) Addr() string { return address(e.Port) }

const (
	host       = "127.0.0.1"
	serverName = "bench.test"
)

func address(port int) string { return fmt.Sprintf("%s:%d", host, port) }

func readPeers(path string) (*peersFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	pf := &peersFile{dir: filepath.Dir(path)}
	if err := d.Decode(pf); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pf, nil
}

// choose returns the peers of names, in the file's order, and those whose program
// is missing. No names stand for all that are not off; those go to out.
func (pf *peersFile) choose(names []string, out func(p *peer, why string)) (chosen, missing []*peer) {
	for i := range pf.Peers {
		p := &pf.Peers[i]
		switch {
		case len(names) > 0 && !slices.Contains(names, p.Name):
		case len(names) == 0 && p.Off != "":
			out(p, p.Off)
		case pf.lookFor(p) != nil:
			missing = append(missing, p)
		default:
			chosen = append(chosen, p)
		}
	}
	return chosen, missing
}

// lookFor looks for the programs and files of a peer.
func (pf *peersFile) lookFor(p *peer) error {
	if p.Direct {
		return nil
	}
	if len(p.Command) == 0 {
		return errors.New("no command")
	}
	_, err := exec.LookPath(pf.program(p.Command[0]))
	if err == nil && len(p.Beside) > 0 {
		_, err = exec.LookPath(pf.program(p.Beside[0]))
	}
	for _, name := range p.Needs {
		if err == nil {
			_, err = os.Stat(pf.path(name))
		}
	}
	return err
}

// program is the name of a program: with a slash in it, it is relative to the file.
func (pf *peersFile) program(name string) string {
	if strings.Contains(name, "/") {
		return pf.path(name)
	}
	return name
}

func (pf *peersFile) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(pf.dir, name)
}

// version runs the peer's version command.
func (pf *peersFile) version(p *peer) string {
	if len(p.Version) == 0 {
		return ""
	}
	out, err := exec.Command(pf.program(p.Version[0]), p.Version[1:]...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil && line == "" {
		return err.Error()
	}
	return line
}

func expand(name, text string, v *vars) (string, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

func expandAll(texts []string, v *vars) ([]string, error) {
	var out []string
	for _, text := range texts {
		s, err := expand("command", text, v)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
