// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namerd"
	"github.com/wye-dev/wye/namerd/inmemory"
)

func (r *rig) statusOfPut(contentType, body string) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPut, "http://"+r.addr+"/api/1/dtabs/default", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestALargeTableIsTakenAndATooLargeOneIsNot(t *testing.T) {
	r := start(t, simple())
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "/svc/service-%d => 9 * /#/io.l5d.fs/redis1 & 1 * /#/io.l5d.fs/redis2 ;\n", i)
	}
	if code := r.statusOfPut("application/dtab", text.String()); code != http.StatusNoContent {
		t.Errorf("%d bytes: %d", text.Len(), code)
	}
	code, body := r.get("dtabs/default")
	if code != http.StatusOK || r.statusOfPut("application/json", body) != http.StatusNoContent {
		t.Errorf("%d bytes of JSON cannot be written back", len(body))
	}
	if code, body := r.get("bind/default?path=/svc/service-9999"); code != http.StatusOK || strings.Count(body, `"id"`) != 2 {
		t.Errorf("%d %s", code, body)
	}
	for contentType, want := range map[string]int{"application/dtab": 400, "application/json": 400} {
		if code := r.statusOfPut(contentType, strings.Repeat("#", 2<<20)); code != want {
			t.Errorf("2 MiB of %s: %d", contentType, code)
		}
	}
	if code := r.statusOfPut("application/json", strings.Repeat(" ", 5<<20)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MiB: %d", code)
	}
}

func TestNamersThatOverlapAreRefused(t *testing.T) {
	store := inmemory.New(nil)
	_, err := namerd.NewServer(namerd.Options{Tables: store, Access: namerd.Everybody(store), Namers: []namer.Mount{
		{Prefix: dtab.Path{"#", "a"}, Namer: &gate{}}, {Prefix: dtab.Path{"#", "a", "b"}, Namer: &gate{}},
	}})
	if err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Error(err)
	}
}
