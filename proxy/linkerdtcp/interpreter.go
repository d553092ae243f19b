// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
)

// interpreter reads how the names of a router are resolved.
func (r *reader) interpreter(router *Router) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch kind, at := r.Kind(n, "interpreter"); kind {
		case kindNamerd:
			router.Namerd = r.namerd(n)
		case kindDefault:
			r.Fields(n, "interpreter "+kind, document.Field{Key: "kind"})
		case "":
		case "io.l5d.namerd", "io.l5d.mesh":
			r.Fail(at, "interpreter %s is not offered; %s asks the same namerd over HTTP", kind, kindNamerd)
		default:
			r.Fail(at, "unknown kind %q of interpreter: known are %s, %s", kind, kindNamerd, kindDefault)
		}
	}
}

func (r *reader) namerd(n *yaml.Node) *Namerd {
	const what = "interpreter " + kindNamerd
	namerd := &Namerd{}
	found := r.Fields(n, what,
		document.Field{Key: "kind"},
		document.Field{Key: "baseUrl", Read: func(n *yaml.Node) { namerd.BaseURL = r.baseURL(n) }},
		document.Field{Key: "namespace", Read: func(n *yaml.Node) { namerd.Namespace = r.namespace(n) }},
		document.Field{Key: "periodSecs", Read: r.limit(&namerd.Period, "periodSecs", time.Second)},
	)
	r.Need(n, found, what, "baseUrl", "namespace", "periodSecs")
	return namerd
}

func (r *reader) baseURL(n *yaml.Node) *url.URL {
	text, ok := r.Text(n, "baseUrl")
	if !ok {
		return nil
	}
	base, err := url.Parse(text)
	switch {
	case err != nil, base.Scheme != "http" && base.Scheme != "https", base.Hostname() == "":
		r.Fail(document.PlaceOf(n), "baseUrl %q is not like http://HOST:PORT", text)
	case base.User != nil, base.RawQuery != "", base.ForceQuery, base.Fragment != "":
		r.Fail(document.PlaceOf(n), "baseUrl must not have a user, a query or a fragment")
	}
	return base
}

// namespace reads a name that stands in URLs as it is: namerd decodes nothing.
func (r *reader) namespace(n *yaml.Node) string {
	name, ok := r.Text(n, "namespace")
	if !ok {
		return ""
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." || url.PathEscape(segment) != segment {
			r.Fail(document.PlaceOf(n), "namespace %q cannot stand in a URL, and so cannot be asked for", name)
			break
		}
	}
	return name
}
