// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/wye-dev/wye/namerd"
	"github.com/wye-dev/wye/namerd/inmemory"
)

// Whatever is asked, there is an answer, and what is called JSON is JSON.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "dtabs/default", "path=/svc&dtab=/svc=>/a&watch=1", "text/plain", "AAAAAAAAAAE=", "")
	f.Add("PUT", "dtabs/default", "", "application/dtab", "AAAAAAAAAAE=", "/svc => 0.1 * /a & /b | ! ;")
	f.Add("POST", "dtabs/new", "", "application/json", "", `[{"prefix":"/a","dst":"/b"},null]`)
	f.Add("GET", "bind/default", "path=/svc&dtab=/svc=>/$/inet/1%26/$/nil", "", "", "")
	f.Add("GET", "delegate", "path=/svc&dtab=/svc=>/a|/b", "", "", "")
	f.Add("POST", "delegate", "", "application/json", "", `{"namespace":"default","dtab":"/a=>/b","path":"/a"}`)
	f.Add("GET", "addr/", "path=/%25/x/$/inet/1", "", "", "")
	f.Add("DELETE", "dtabs/default", "%", "", "?", "")
	f.Fuzz(func(t *testing.T, method, path, query, contentType, ifMatch, body string) {
		store := inmemory.New(parsed(t, simple().tables))
		server, err := namerd.NewServer(namerd.Options{Tables: store, Access: namerd.Everybody(store)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing is waited for
		request, err := http.NewRequestWithContext(ctx, method, "http://namerd", strings.NewReader(body))
		if err != nil {
			return
		}
		request.URL = &url.URL{Path: "/api/1/" + path, RawQuery: query}
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("Accept", contentType)
		request.Header.Set("If-Match", ifMatch)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		if answer.Code < 200 || answer.Code > 599 {
			t.Errorf("code %d", answer.Code)
		}
		if answer.Code == http.StatusOK && answer.Header().Get("Content-Type") == "application/json" && !answer.Flushed &&
			!json.Valid(answer.Body.Bytes()) {
			t.Errorf("no JSON: %s", answer.Body)
		}
	})
}
