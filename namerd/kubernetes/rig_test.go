// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kubernetes_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clients "k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/namer/inet"
	"github.com/wye-dev/wye/namerd/kubernetes"
	"github.com/wye-dev/wye/test/kube"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// env is the API server of all tests; each has its own namespace.
var env *kube.Env

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	log.SetLogger(logr.Discard())
	var err error
	if env, err = kube.Start(context.Background(), kube.Options{CRDs: []string{"../../config/crd/bases"}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// rig is an interface over the cluster, and who may use it.
type rig struct {
	client.Client // the administrator's
	t             *testing.T
	namespace     string
	url           string
	http          *http.Client
	logs          *bytes.Buffer
	editor        string // token of one who may do everything with Dtabs
	viewer        string // token of one who may read them
	stranger      string // token of one who may do nothing
}

func start(t *testing.T, config *tls.Config) *rig {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	r := &rig{t: t, http: &http.Client{Timeout: patience}, logs: &bytes.Buffer{}}
	var err error
	r.Client, err = client.New(env.Config, client.Options{Scheme: scheme})
	must(t, err)
	r.namespace = r.newNamespace()
	r.editor = r.account("editor", "create", "get", "list", "update", "delete")
	r.viewer = r.account("viewer", "get", "list")
	r.stranger = r.account("stranger")
	if config != nil {
		r.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(t, config)}}
	}
	r.serve(scheme, config)
	t.Cleanup(r.http.CloseIdleConnections)
	return r
}

func (r *rig) newNamespace() string {
	r.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "namerd-"}}
	must(r.t, r.Create(r.t.Context(), namespace))
	return namespace.Name
}

// account makes a service account that may do something with the Dtabs of the
// namespace, and returns its token.
func (r *rig) account(name string, verbs ...string) string {
	r.t.Helper()
	meta := metav1.ObjectMeta{Namespace: r.namespace, Name: name}
	must(r.t, r.Create(r.t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}))
	if len(verbs) > 0 {
		rule := rbacv1.PolicyRule{APIGroups: []string{"wye.dev"}, Resources: []string{"dtabs"}, Verbs: verbs}
		must(r.t, r.Create(r.t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}}))
		must(r.t, r.Create(r.t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: r.namespace, Name: name}},
		}))
	}
	set, err := clients.NewForConfig(env.Config)
	must(r.t, err)
	token, err := set.CoreV1().ServiceAccounts(r.namespace).CreateToken(r.t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(r.t, err)
	return token.Status.Token
}

// serve starts the interface, and reads from its log where it listens.
func (r *rig) serve(scheme *runtime.Scheme, config *tls.Config) {
	r.t.Helper()
	objects, err := cache.New(env.Config, cache.Options{Scheme: scheme})
	must(r.t, err)
	ctx, cancel := context.WithCancel(r.t.Context())
	hosts := inet.New(inet.Options{})
	logs := &listening{found: make(chan string, 1), rest: r.logs}
	i, err := kubernetes.New(kubernetes.Options{
		Cluster: env.Config, Informers: objects, Namespace: r.namespace, Address: "127.0.0.1:0", TLS: config,
		Namers: hosts.Mounts(), Log: slog.New(slog.NewTextHandler(logs, nil)),
	})
	must(r.t, err)
	ended := make(chan error, 3)
	for _, run := range []func(context.Context) error{objects.Start, hosts.Run, i.Run} {
		go func() { ended <- run(ctx) }()
	}
	r.t.Cleanup(func() {
		cancel()
		for range cap(ended) {
			must(r.t, <-ended)
		}
	})
	protocol := map[bool]string{false: "http", true: "https"}[config != nil]
	select {
	case address := <-logs.found:
		r.url = protocol + "://" + address + "/api/1/"
	case <-time.After(patience):
		r.t.Fatal("the interface does not listen")
	}
}

// listening finds in a log where something listens.
type listening struct {
	found chan string
	rest  io.Writer
}

func (l *listening) Write(line []byte) (int, error) {
	if _, after, ok := strings.Cut(string(line), "address="); ok {
		address, _, _ := strings.Cut(after, " ")
		l.found <- address
	}
	return l.rest.Write(line)
}

// answer is what the interface answers.
type answer struct {
	code int
	etag string
	body string
}

// ask sends a request; table is sent if it is not empty.
func (r *rig) ask(token, method, path, table string, headers ...string) answer {
	r.t.Helper()
	response := r.open(token, method, path, table, headers...)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(r.t, err)
	return answer{response.StatusCode, response.Header.Get("ETag"), strings.TrimSuffix(string(body), "\n")}
}

func (r *rig) open(token, method, path, table string, headers ...string) *http.Response {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(table))
	must(r.t, err)
	request.Header.Set("Accept", "application/dtab")
	request.Header.Set("Content-Type", "application/dtab")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := r.http.Do(request)
	must(r.t, err)
	return response
}

func (r *rig) expect(got answer, code int, body string) {
	r.t.Helper()
	if got.code != code || !strings.Contains(got.body, body) {
		r.t.Errorf("%d %s, want %d %s", got.code, got.body, code, body)
	}
}

// kubectl runs kubectl in the namespace.
func (r *rig) kubectl(stdin string, args ...string) string {
	r.t.Helper()
	command := env.Kubectl(r.t.Context(), append([]string{"--namespace", r.namespace}, args...)...)
	command.Stdin = strings.NewReader(stdin)
	out, err := command.CombinedOutput()
	if err != nil {
		r.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// watch opens a stream and returns its lines.
func (r *rig) watch(path string) *bufio.Scanner {
	r.t.Helper()
	response := r.open("", http.MethodGet, path, "")
	r.t.Cleanup(func() { response.Body.Close() })
	return bufio.NewScanner(response.Body)
}

func (r *rig) next(lines *bufio.Scanner, want string) {
	r.t.Helper()
	if !lines.Scan() || lines.Text() != want {
		r.t.Fatalf("the stream has %q, %v; want %q", lines.Text(), lines.Err(), want)
	}
}

// certificate is a server's for 127.0.0.1.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func roots(t *testing.T, config *tls.Config) *x509.CertPool {
	t.Helper()
	certificate, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
