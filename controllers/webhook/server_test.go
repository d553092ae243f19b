// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

func TestTheServingCertificateIsRotatedWhileServing(t *testing.T) {
	g := newRig(t)
	old := g.authority.Bundle()
	serials := map[string]bool{}
	ask := func(bundle []byte) error {
		response, err := g.client(bundle).Get(g.url + dtabPath)
		if err != nil {
			return err
		}
		serials[response.TLS.PeerCertificates[0].SerialNumber.String()] = true
		return response.Body.Close()
	}
	must(t, ask(old))
	g.pass(20 * time.Hour) // two thirds of a day are over
	must(t, ask(old))
	g.pass(300 * 24 * time.Hour) // two thirds of a year are over
	must(t, ask(old))            // the API server has not heard of it yet
	must(t, ask(g.authority.Bundle()))
	if len(serials) != 3 {
		t.Errorf("%d certificates were served, want 3", len(serials))
	}
	if bytes.Equal(old, g.authority.Bundle()) {
		t.Error("the CA is the same")
	}
}

func TestWhatIsNoReviewIsAnError(t *testing.T) {
	g := newRig(t)
	for _, test := range []struct {
		reason string
		body   string
		code   int32
	}{
		{"nothing", "", http.StatusBadRequest},
		{"no JSON", "PING\r\n", http.StatusBadRequest},
		{"another object", `{"apiVersion":"v1","kind":"Pod"}`, http.StatusBadRequest},
		{"an object of another kind", review(`{"apiVersion":"v1","kind":"Pod"}`), http.StatusBadRequest},
		{"another type of field", review(`{"apiVersion":"wye.dev/v1alpha1","kind":"Dtab","spec":{"dentries":7}}`), http.StatusBadRequest},
		{"too large", strings.Repeat(" ", 7<<20+1), http.StatusRequestEntityTooLarge},
	} {
		got := g.post(dtabPath, strings.NewReader(test.body))
		if got.Allowed || got.Result.Code != test.code {
			t.Errorf("%s: %+v, want code %d", test.reason, got, test.code)
		}
	}
}

func review(object string) string {
	return `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","object":` + object + `}}`
}

func TestOnlyReviewsAreServed(t *testing.T) {
	g := newRig(t)
	for path, want := range map[string]int{"/": http.StatusNotFound, dtabPath: http.StatusMethodNotAllowed, dtabPath + "/x": http.StatusNotFound} {
		response, err := g.client(g.authority.Bundle()).Get(g.url + path)
		must(t, err)
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, response.StatusCode, want)
		}
	}
}

func TestOnlyAFewReviewsAreReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reading atomic.Int32
		release := make(chan struct{})
		handler := limited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			reading.Add(1)
			<-release
		}))
		ask := func() int {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, dtabPath, nil))
			return w.Code
		}
		var group sync.WaitGroup
		for range atOnce {
			group.Go(func() { ask() })
		}
		synctest.Wait()
		began := time.Now()
		if code := ask(); code != http.StatusServiceUnavailable || time.Since(began) != answerWithin {
			t.Errorf("one too many: code %d after %s", code, time.Since(began))
		}
		group.Go(func() {
			if code := ask(); code != http.StatusOK {
				t.Errorf("one that waited: code %d", code)
			}
		})
		synctest.Wait()
		if n := reading.Load(); n != atOnce {
			t.Errorf("%d are read at once, want %d", n, atOnce)
		}
		close(release)
		group.Wait()
	})
}

func TestReviewsUnderWayAreAnsweredAtTheEnd(t *testing.T) {
	g := newRig(t)
	asked, release := make(chan struct{}), make(chan struct{})
	server := &Server{tls: g.authority.TLSConfig(), handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	stop := start(t, server, ln)
	g.url = "https://" + ln.Addr().String()
	answered := make(chan error, 1)
	go func() {
		response, err := g.client(g.authority.Bundle()).Get(g.url)
		if err == nil {
			err = response.Body.Close()
		}
		answered <- err
	}()
	<-asked
	go stop()
	for { // until the port is closed
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	stop()
}

func FuzzReview(f *testing.F) {
	f.Add([]byte(review(`{"apiVersion":"wye.dev/v1alpha1","kind":"Dtab","spec":{"dentries":[{"prefix":"/a","dst":"/b & | /c"}]}}`)), true)
	f.Add([]byte(review(`{"apiVersion":"wye.dev/v1alpha1","kind":"TCPRoute","spec":{"backends":[{"name":"a","dst":"/b//"}]}}`)), false)
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`), true)
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"operation":"UPDATE","object":null}}`), false)
	server, err := NewServer(Options{Scheme: scheme(f)})
	must(f, err)
	f.Fuzz(func(t *testing.T, body []byte, ofTable bool) {
		path := routePath
		if ofTable {
			path = dtabPath
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		server.handler.ServeHTTP(w, r)
		var answer admissionv1.AdmissionReview
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Response == nil {
			t.Fatalf("no verdict: %v, %s", err, w.Body)
		}
		if result := answer.Response.Result; result != nil && strings.HasPrefix(result.Message, "panic: ") {
			t.Error(result.Message)
		}
	})
}
