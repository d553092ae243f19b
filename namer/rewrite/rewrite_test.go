// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package rewrite_test

import (
	"strings"
	"testing"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/rewrite"
)

const none = "neg"

func TestNamesAreRewritten(t *testing.T) {
	for _, c := range []struct {
		reason              string
		pattern, name, path string
		want                string // none, a path, or error
	}{
		{"the rest is dropped", "/one/two", "/success", "/one/two/three", "/success"},
		{"a wildcard is one segment", "/one/*/three", "/success", "/one/two/three", "/success"},
		{"a literal differs", "/one/*/four", "/success", "/one/two/three", none},
		{"a segment is missing", "/one/two", "/success", "/one", none},
		{"nothing matches everything", "/", "/success", "/one", "/success"},
		{"a variable", "/{foo}/*/three", "/success/{foo}", "/one/two/three", "/success/one"},
		{"a variable, and a mismatch after it", "/{foo}/*/four", "/success/{foo}", "/one/two/three", none},
		{"the page's example", "/{service}/api", "/srv/{service}", "/users/api", "/srv/users"},
		{"variables change places", "/{port}/{ns}/{svc}", "/k8s/{ns}/{port}/{svc}", "/http/prod/web/x", "/k8s/prod/http/web"},
		{"a variable used twice", "/{a}", "/{a}/{a}", "/x", "/x/x"},
		{"a variable with text around it", "/foo/bar/{A}:http", "/{A}", "/foo/bar/bas:http", "/bas"},
		{"the text around it differs", "/foo/bar/{A}:http", "/{A}", "/foo/bar/bas:grpc", none},
		{"the text before it differs", "/v-{A}", "/{A}", "/w-1", none},
		{"matched anywhere in the segment", "/{A}:http", "/{A}", "/bas:https", "/bas"},
		{"as much as it can", "/{A}-{B}", "/{A}/{B}", "/a-b-c", "/a-b/c"},
		{"a dot is a dot", "/{A}.io", "/{A}", "/axio", none},
		{"an underscore in a variable", "/{my_var}", "/{my_var}", "/x", "/x"},
		{"bytes that need an escape", "/{A}", "/x/{A}", `/\x61\x20`, `/x/\x61\x20`},
		{"a literal with an escape", `/\x61\x20`, "/x", `/\x61\x20`, "/x"},
		{"an escape that is not needed", `/\x61`, "/x", "/a", "/x"},
		{"a variable that matches nothing, at the end", "/v{A}", "/{A}", "/v", "/"},
		{"a variable that matches nothing, in the middle", "/v{A}", "/a/{A}/b", "/v", "error"},
		{"the first of a variable that comes twice counts", "/{A}:{A}", "/{A}", "/a:b", "/a"},
		{"the later segment's variable wins", "/{A}/{A}", "/{A}", "/a/b", "/b"},
	} {
		n, err := rewrite.New(rewrite.Options{Prefix: dtab.Path{"#", "rw"}, Pattern: c.pattern, Name: c.name})
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if got := lookup(n, "/#/rw"+c.path); got != c.want {
			t.Errorf("%s: %s => %s of %s is %s, want %s", c.reason, c.pattern, c.name, c.path, got, c.want)
		}
	}
}

func lookup(n *rewrite.Namer, path string) string {
	var told namer.State
	n.Watch(dtab.MustParsePath(path), func(s namer.State) { told = s })()
	switch {
	case told.Err != nil:
		return "error"
	case told.Tree.Kind == dtab.Leaf:
		return told.Tree.Leaf.Path.String()
	}
	return told.Tree.Kind.String()
}

func TestWhatCannotRewriteIsRefused(t *testing.T) {
	prefix := dtab.Path{"#", "rw"}
	for want, o := range map[string]rewrite.Options{
		"needs a prefix":           {Pattern: "/a", Name: "/b"},
		"does not begin with /":    {Prefix: prefix, Pattern: "a", Name: "/b"},
		`"" is neither`:            {Prefix: prefix, Pattern: "/a//b", Name: "/b"},
		`"a b" is neither`:         {Prefix: prefix, Pattern: "/a b", Name: "/b"},
		"the pattern has no {b}":   {Prefix: prefix, Pattern: "/{a}", Name: "/{b}"},
		"'/' expected but 'b'":     {Prefix: prefix, Pattern: "/{a}", Name: "b"},
		"label char expected":      {Prefix: prefix, Pattern: "/{a}", Name: "/b/"},
		"'/' expected but end of ": {Prefix: prefix, Pattern: "/{a}"},
	} {
		if _, err := rewrite.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%+v): %v, want: %s", o, err, want)
		}
	}
}

func FuzzRewriting(f *testing.F) {
	f.Add("/{a}/*/b", "/x/{a}", "/1/2/b")
	f.Add("/{a}:{b}", "/{b}/{a}", "/h:p")
	f.Fuzz(func(_ *testing.T, pattern, name, path string) {
		p, err := dtab.ParsePath(path)
		if err != nil {
			return
		}
		if n, err := rewrite.New(rewrite.Options{Prefix: dtab.Path{"#"}, Pattern: pattern, Name: name}); err == nil {
			n.Watch(append(dtab.Path{"#"}, p...), func(namer.State) {})
		}
	})
}
