// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wye-dev/wye/proxy/file"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// ending is a configuration of one server that ends TLS, with the identities own, for
// everybody, and wild, for *.example.com.
const ending = `
namers: [{kind: io.l5d.fs, rootDir: DISCO}]
routers:
- label: r
  dtab: '/svc => /#/io.l5d.fs/one'
  servers:
  - port: %d
    dstName: /svc
    tls:
      defaultIdentity: {certs: [DISCO/own.pem], privateKey: DISCO/own.key}
      identities: {"*.example.com": {certs: [DISCO/wild.pem], privateKey: DISCO/wild.key}}
      alpnProtocols: [redis]
`

// identify writes a new identity, and returns its key without what stands around it.
func (w *world) identify(a *pushtest.Authority, name string, hosts ...string) (secret string) {
	w.t.Helper()
	chain, key := a.Identity(w.t, hosts...)
	w.write(name+".pem", string(chain))
	w.write(name+".key", string(key))
	return strings.Split(string(key), "\n")[1]
}

func TestCertificatesAreShownWithoutTheirKeys(t *testing.T) {
	w, a := newWorld(t), pushtest.NewAuthority(t)
	w.write("one", w.backend("one"))
	secrets := []string{w.identify(a, "own", "localhost"), w.identify(a, "wild", "*.example.com")}
	port := uint16(ports.Free(t))
	r := w.run(ending, port)
	r.shows("/ready", "ready: generation 1 from file, 0 refused")
	own := filepath.Join(w.disco, "own.pem") + "," + filepath.Join(w.disco, "own.key")
	wild := filepath.Join(w.disco, "wild.pem") + "," + filepath.Join(w.disco, "wild.key")
	for _, text := range []string{`"defaultIdentity": "` + own + `"`, `"host": "*.example.com"`, `"identity": "` + wild + `"`, `"name": "` + own + `"`, `"redis"`} {
		r.shows("/config", text)
	}
	r.shows("/metrics", `wye_proxy_tls_certificate_expiration_timestamp_seconds{identity="`+own+`"}`)
	r.shows("/metrics", `wye_proxy_tls_certificate_current{identity="`+wild+`"} 1`)

	// Certificate and key do not belong together for a while.
	_, key := a.Identity(t, "other")
	w.write("wild.key", string(key))
	r.shows("/metrics", `wye_proxy_tls_certificate_current{identity="`+wild+`"} 0`)
	r.shows("/config", "private key does not match public key")
	secrets = append(secrets, strings.Split(string(key), "\n")[1], w.identify(a, "wild", "*.example.com"))
	r.shows("/metrics", `wye_proxy_tls_certificate_current{identity="`+wild+`"} 1`)
	r.shows("/ready", "ready: generation 1 from file, 0 refused") // the listener was not touched
	for _, path := range []string{"/config", "/metrics", "/ready"} {
		_, body := r.get(path)
		for _, secret := range append(secrets, "PRIVATE KEY") {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows a key:\n%s", path, body)
			}
		}
	}
}

func TestCertificatesThatAreNotThereAreAMistake(t *testing.T) {
	w, a := newWorld(t), pushtest.NewAuthority(t)
	w.identify(a, "own", "localhost")
	w.identify(a, "wild", "*.example.com")
	if err := os.Remove(filepath.Join(w.disco, "wild.key")); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("DISCO", w.disco, "%d", "1").Replace(ending)
	config, _, err := linkerdtcp.Parse("l.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := "l.yml:11:37: identity of *.example.com: privateKey: stat " + filepath.Join(w.disco, "wild.key") +
		": no such file or directory: write the file, or name another"
	if _, err := file.New(config); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
