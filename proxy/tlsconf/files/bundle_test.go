// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/wye-dev/wye/proxy/pushtest"
)

func TestBundlesAreFollowed(t *testing.T) {
	f := newFolder(t)
	f.write("a.pem", f.authority.PEM)
	f.write("b.pem", pushtest.NewAuthority(t).PEM)
	s, err := Open(nil, []Bundle{{Where: "here", Files: []string{f.path("a.pem"), f.path("b.pem")}}, {}})
	f.do(err)
	s.Serve(f.store, slog.New(slog.NewTextHandler(&f.log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	defer running.Wait()
	defer cancel()

	f.write("b.pem", append(pushtest.NewAuthority(t).PEM, pushtest.NewAuthority(t).PEM...))
	f.logs(`msg="bundle rotated"`, 1)
	f.logs("is.certificates=3", 1)
	f.write("b.pem", []byte("x"))
	f.write("a.pem", []byte("x"))
	f.logs(`msg="bundle not taken; the last good one stays in force"`, 1)
	for _, name := range []string{Bundle{Files: []string{f.path("a.pem"), f.path("b.pem")}}.Name(), Bundle{}.Name()} {
		if pool, err := f.store.CAs([]string{name}); err != nil || pool == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMistakesInBundlesNameTheFile(t *testing.T) {
	f := newFolder(t)
	f.put("a")
	for file, want := range map[string]string{
		f.path("nowhere"):   "f:1:1: tls: trustCerts: stat " + f.path("nowhere") + ": no such file or directory: write the file, or name another",
		f.path("a/tls.key"): "f:1:1: tls: trustCerts " + f.path("a/tls.key") + ": a bundle of certificates has a private key in it, which does not belong there",
	} {
		if _, err := Open(nil, []Bundle{{Where: "f:1:1: tls", Files: []string{file}}}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
