// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/wye-dev/wye/test/ports"
)

// server is one Redis.
type server struct {
	name    string
	address string
	client  *redis.Client // straight to it, not through the proxies
	stop    func() error
}

// startServers starts redis1 and redis2, the real thing where it is installed,
// and writes their discovery files.
func (s *stage) startServers(ctx context.Context) error {
	if err := os.MkdirAll(s.disco(), 0o755); err != nil {
		return err
	}
	program, err := exec.LookPath("redis-server")
	if err == nil {
		fmt.Println("  (redis-server is", program+")")
	} else {
		fmt.Println("  (no redis-server on PATH: an embedded one, miniredis, takes its place)")
	}
	for _, name := range []string{"redis1", "redis2"} {
		var r server
		var err error
		if program != "" {
			r, err = s.startRedis(ctx, program, name)
		} else {
			r, err = startEmbedded(name)
		}
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		s.servers = append(s.servers, r)
		if err := s.announce(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) startRedis(ctx context.Context, program, name string) (server, error) {
	address, err := ports.Address()
	if err != nil {
		return server{}, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return server{}, err
	}
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return server{}, err
	}
	cmd := exec.Command(program, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", //nolint:noctx // stopped below
		"--dir", dir, "--logfile", filepath.Join(s.dir, name+".log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return server{}, err
	}
	r := server{name: name, address: address, client: redis.NewClient(&redis.Options{Addr: address})}
	r.stop = func() error {
		r.client.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended already; Wait tells
		return cmd.Wait()
	}
	return r, answers(ctx, r.client)
}

func startEmbedded(name string) (server, error) {
	m, err := miniredis.Run()
	if err != nil {
		return server{}, err
	}
	r := server{name: name, address: m.Addr(), client: redis.NewClient(&redis.Options{Addr: m.Addr()})}
	r.stop = func() error {
		r.client.Close()
		m.Close()
		return nil
	}
	return r, nil
}

func answers(ctx context.Context, c *redis.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := c.Ping(ctx).Err()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// announce makes a server's name exist: a file of that name with its address.
func (s *stage) announce(r server) error {
	host, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return err
	}
	// By rename, so that nobody reads half a file.
	file := filepath.Join(s.disco(), r.name)
	if err := os.WriteFile(file+".new", []byte(host+" "+port+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// withdraw makes a server's name cease to exist. The server itself goes on.
func (s *stage) withdraw(r server) error { return os.Remove(filepath.Join(s.disco(), r.name)) }
