// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// maxFile bounds the files that are read, in bytes.
const maxFile = 4 << 20

// file is a file that is read again when it has changed. A file that is missing
// or cannot be read counts as empty.
type file[T any] struct {
	path  string
	parse func(text []byte) T

	mu    sync.Mutex
	read  bool
	stamp stamp
	value T
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// get returns what the file says now.
func (f *file[T]) get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	var now stamp
	if info, err := os.Stat(f.path); err == nil {
		now = stamp{info.ModTime(), info.Size()}
	}
	if !f.read || now != f.stamp {
		f.value, f.stamp, f.read = f.parse(contents(f.path)), now, true
	}
	return f.value
}

func contents(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil
	}
	return text
}

// hosts are the addresses in a hosts file.
type hosts map[string][]netip.Addr // name in lower case without a final dot -> addresses

// parseHosts reads a hosts(5) file. Lines that make no sense are left out.
func parseHosts(text []byte) hosts {
	h := hosts{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || addr.Zone() != "" {
			continue
		}
		for _, name := range fields[1:] {
			h[plain(name)] = append(h[plain(name)], addr.Unmap())
		}
	}
	return h
}

// plain is a host name as hosts has it.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// parseConf reads a resolv.conf(5) file: nameserver, search, domain and the
// options ndots, timeout and attempts. Without a server it is the local one.
func parseConf(text []byte) *dns.ClientConfig {
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil { // only if reading fails, which memory does not
		conf = &dns.ClientConfig{Ndots: 1, Timeout: 5, Attempts: 2}
	}
	if len(conf.Servers) == 0 {
		conf.Servers = []string{"127.0.0.1"}
	}
	return conf
}

// isHostName tells whether a text can be the name of a host: labels of letters,
// digits, dashes and underscores, of the sizes that DNS allows.
func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}
