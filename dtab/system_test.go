// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"errors"
	"strings"
	"testing"
)

func TestSystemNamers(t *testing.T) {
	for path, want := range map[string]string{
		"/$":                                  "~",
		"/$/nil":                              "$",
		"/$/nil/x/y":                          "$",
		"/$/fail":                             "!",
		"/$/fail/x":                           "!",
		"/$/inet/127.1/80":                    "/$/inet/127.1/80",
		"/$/inet/example.com/80/a/b":          "/$/inet/example.com/80+/a/b",
		"/$/inet/8080":                        "/$/inet/8080",
		"/$/inet/8080/x":                      "/$/inet/8080+/x",
		"/$/inet/8080/9090":                   "/$/inet/8080/9090",
		"/$/inet/8080/9090/1":                 "/$/inet/8080/9090+/1",
		"/$/inet/h/-1":                        "/$/inet/h/-1",
		"/$/inet/h/99999":                     "/$/inet/h/99999",
		"/$/fixedinet/h/80/r":                 "/$/fixedinet/h/80+/r",
		"/$/fixedinet/80/r":                   "/$/fixedinet/80+/r",
		"/$/io.buoyant.rinet/80/h":            "/$/io.buoyant.rinet/80/h",
		"/$/io.buoyant.rinet/80/h/r":          "/$/io.buoyant.rinet/80/h+/r",
		"/$/io.buoyant.rinet/80":              "~",
		"/$/io.buoyant.rinet":                 "~",
		"/$/inet":                             "unknown",
		"/$/inet/host":                        "unknown",
		"/$/inet/host/http":                   "unknown",
		"/$/inet/host/4294967296":             "unknown",
		"/$/fixedinet":                        "unknown",
		"/$/com.example.Namer/x":              "unknown",
		"/$/io.buoyant.http":                  "unknown",
		"/$/io.buoyant.hostportPfx":           "~",
		"/$/io.buoyant.http.subdomainOf/a":    "~",
		"/$/io.buoyant.http.domainToPathPfx":  "~",
		"/$/io.buoyant.http.subdomainOfPfx/a": "~",
		"/$/io.buoyant.http.anyMethodPfx/GET": "~",
	} {
		got := bindSystem(t, path)
		if want == "unknown" {
			want = "error: " + path + ": Unknown namer: " + MustParsePath(path)[1] + " for path: " + path
		}
		if got != want {
			t.Errorf("%s binds to %s, want %s", path, got, want)
		}
	}
}

func bindSystem(t *testing.T, path string) string {
	t.Helper()
	got, _ := bindText(t, "", path)
	return got
}

func TestUnknownNamersAreErrorsOfTheirOwn(t *testing.T) {
	_, err := Interpreter{}.Bind(MustParsePath("/$/what/x"))
	var unknown *UnknownNamerError
	if !errors.As(err, &unknown) || unknown.Kind != "what" || unknown.Path.String() != "/$/what/x" {
		t.Errorf("got %v", err)
	}
}

func TestRewritingNamers(t *testing.T) {
	for path, want := range map[string]string{
		"io.buoyant.hostportPfx/pfx/host:80/x":                         "/pfx/host/80/x",
		"io.buoyant.hostportPfx/pfx/host:http-alt":                     "/pfx/host/http-alt",
		"io.buoyant.hostportPfx/pfx/a:" + strings.Repeat("p", 63):      "/pfx/a/" + strings.Repeat("p", 63),
		"io.buoyant.hostportPfx/pfx/a:" + strings.Repeat("p", 64):      "~",
		"io.buoyant.hostportPfx/pfx/host":                              "~",
		"io.buoyant.hostportPfx/pfx/host:":                             "~",
		"io.buoyant.hostportPfx/pfx/:80":                               "~",
		"io.buoyant.hostportPfx/pfx/a:b:c":                             "~",
		"io.buoyant.hostportPfx/pfx/host:HTTP":                         "~",
		"io.buoyant.hostportPfx/host:80":                               "~",
		"io.buoyant.porthostPfx/pfx/host:80/x":                         "/pfx/80/host/x",
		"io.buoyant.porthostPfx/pfx/host/x":                            "~",
		"io.buoyant.http.anyMethod/GET/x/y":                            "/x/y",
		"io.buoyant.http.anyMethod/GET":                                "/",
		"io.buoyant.http.anyMethod/Get/x":                              "~",
		"io.buoyant.http.anyMethod":                                    "~",
		"io.buoyant.http.anyMethodPfx/p/POST/x":                        "/p/x",
		"io.buoyant.http.anyMethodPfx/p/x/POST":                        "~",
		"io.buoyant.http.anyHost/a-b_c.d:80/x":                         "/x",
		"io.buoyant.http.anyHost/a%b/x":                                "~",
		"io.buoyant.http.anyHostPfx/p/host/x":                          "/p/x",
		"io.buoyant.http.anyHostPfx/p/$/x":                             "~",
		"io.buoyant.http.subdomainOf/buoyant.io/foo.buoyant.io/x":      "/foo/x",
		"io.buoyant.http.subdomainOf/buoyant.io/a.b.buoyant.io:80/x":   "/a.b/x",
		"io.buoyant.http.subdomainOf/buoyant.io/buoyant.io/x":          "~",
		"io.buoyant.http.subdomainOf/buoyant.io/.buoyant.io/x":         "~",
		"io.buoyant.http.subdomainOf/buoyant.io/foobuoyant.io/x":       "~",
		"io.buoyant.http.subdomainOfPfx/buoyant.io/p/foo.buoyant.io/x": "/p/foo/x",
		"io.buoyant.http.subdomainOfPfx/buoyant.io/p/foo.org/x":        "~",
		"io.buoyant.http.domainToPath/a.b.c/x":                         "/c/b/a/x",
		"io.buoyant.http.domainToPath/a.b:80/x":                        "/b:80/a/x",
		"io.buoyant.http.domainToPath/a.b./x":                          "/b/a/x",
		"io.buoyant.http.domainToPath/a..b/x":                          "~",
		"io.buoyant.http.domainToPath/./x":                             "~",
		"io.buoyant.http.domainToPathPfx/p/a.b/x":                      "/p/b/a/x",
		"io.buoyant.http.domainToPathPfx/p":                            "~",
	} {
		answer, err := system(MustParsePath("/$/" + path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := FormatTree(Map(answer, func(n Name) Path { return n.Path })); got != want {
			t.Errorf("%s gives %s, want %s", path, got, want)
		}
	}
}

func TestRewrittenPathsGoThroughTheTable(t *testing.T) {
	got, _ := bindText(t, "/svc => /$/io.buoyant.http.domainToPathPfx/host; /host/io/a => /#/a; /host/io => !", "/svc/a.io/x")
	if want := "!"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got, _ = bindText(t, "/svc => /$/io.buoyant.http.domainToPathPfx/host; /host/io => !; /host/io/a => /#/a", "/svc/a.io/x")
	if want := "/#/a+/x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSystemNamersReadSegmentsAsUTF8(t *testing.T) {
	_, binding := bindText(t, "", `/$/inet/h/80/a\xffb`)
	if got, want := binding.Tree.Leaf.Residual[0], "a\ufffdb"; got != want {
		t.Errorf("the residual is %q, want %q", got, want)
	}
}
