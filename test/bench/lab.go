//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// lab is what all measurements share: backends, certificate, directories.
type lab struct {
	peers    *peersFile
	dir      string // scratch
	cert     string
	key      string
	certKey  string
	back     endpoint
	backTLS  int
	weighted []endpoint
	running  []*running
	maxConns int
	files    int
}

// newLab makes the certificate and starts the backends. What it returns is to be
// closed even after an error.
func newLab(dir string, peers *peersFile, weights []int, maxConns, files int) (*lab, error) {
	l := &lab{peers: peers, dir: dir, maxConns: maxConns, files: files}
	if err := l.makeCert(); err != nil {
		return l, err
	}
	ports, err := freePorts(2 + len(weights))
	if err != nil {
		return l, err
	}
	l.back = endpoint{ID: 1, Host: host, Port: ports[0], Weight: 1}
	l.backTLS = ports[1]
	if err := l.backend(l.back, "-tls", address(l.backTLS), "-cert", l.cert, "-key", l.key); err != nil {
		return l, err
	}
	for i, w := range weights {
		e := endpoint{ID: 11 + i, Host: host, Port: ports[2+i], Weight: w}
		l.weighted = append(l.weighted, e)
		if err := l.backend(e); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (l *lab) backend(e endpoint, more ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := append([]string{self, "serve", "-listen", e.Addr(), "-id", fmt.Sprint(e.ID)}, more...)
	r, err := launch(fmt.Sprintf("backend-%d", e.ID), argv, nil, filepath.Join(l.dir, fmt.Sprintf("backend-%d.log", e.ID)))
	if err != nil {
		return err
	}
	l.running = append(l.running, r)
	return r.waitFor(e.Port)
}

func (l *lab) close() {
	for _, r := range l.running {
		r.stop()
	}
}

// start starts peer p (a direct one needs no start) and waits until it listens.
func (l *lab) start(p *peer) (*running, error) {
	v, err := l.vars(p)
	if err != nil {
		return nil, err
	}
	if p.Direct {
		v.TCP, v.TLS = l.back.Port, l.backTLS
		return &running{name: p.Name, vars: *v}, nil
	}
	if err := l.writeFiles(p, v); err != nil {
		return nil, err
	}
	var beside *running
	if len(p.Beside) > 0 {
		if beside, err = l.launch(p, p.Beside, "beside", v); err != nil {
			return nil, err
		}
		if err := beside.waitFor(v.Control); err != nil {
			beside.stop()
			return nil, err
		}
	}
	r, err := l.launch(p, p.Command, "log", v)
	if err != nil {
		beside.stop()
		return nil, err
	}
	r.beside = beside
	for listener, port := range v.listeners() {
		if !p.can(listener) {
			continue
		}
		if err := r.waitFor(port); err != nil {
			r.stop()
			return nil, err
		}
	}
	return r, nil
}

// vars makes a directory and finds ports for a peer.
func (l *lab) vars(p *peer) (*vars, error) {
	dir := filepath.Join(l.dir, p.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	ports, err := freePorts(6)
	if err != nil {
		return nil, err
	}
	return &vars{
		Dir: dir, Host: host, TCP: ports[0], TLS: ports[1], Weighted: ports[2], Admin: ports[3], Push: ports[4], Control: ports[5],
		Backend: l.back, Weights: l.weighted, Cert: l.cert, Key: l.key, CertKey: l.certKey,
		CPUs: runtime.NumCPU(), MaxConns: l.maxConns, Files: l.files, peer: p,
	}, nil
}

func (l *lab) writeFiles(p *peer, v *vars) error {
	for file, tmpl := range p.Files {
		b, err := os.ReadFile(l.peers.path(tmpl))
		if err != nil {
			return err
		}
		text, err := expand(tmpl, string(b), v)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(v.Dir, file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// launch starts a command of a peer.
func (l *lab) launch(p *peer, command []string, log string, v *vars) (*running, error) {
	argv, err := expandAll(command, v)
	if err != nil {
		return nil, err
	}
	argv[0] = l.peers.program(argv[0])
	env, err := expandAll(p.Env, v)
	if err != nil {
		return nil, err
	}
	r, err := launch(p.Name, argv, env, filepath.Join(v.Dir, log))
	if err != nil {
		return nil, err
	}
	r.vars = *v
	return r, nil
}
