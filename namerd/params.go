// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd/names"
)

// params are the parameters of a query, the first of each name.
type params map[string]string

// parameters reads them. A semicolon is an ordinary character, for it is one in a
// dtab that somebody typed. (net/url drops such a parameter.)
func parameters(r *http.Request) (params, error) {
	p := params{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, badRequest("Invalid query: %v", err)
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, badRequest("Invalid query: %v", err)
		}
		if _, again := p[name]; !again {
			p[name] = value
		}
	}
	return p, nil
}

// watch tells whether a stream is asked for.
func (p params) watch() bool {
	switch strings.ToLower(p["watch"]) {
	case "1", "t", "true":
		return true
	}
	return false
}

// path is the parameter of that name.
func (p params) path() (dtab.Path, error) {
	text, ok := p["path"]
	if !ok {
		return nil, badRequest("Invalid path: there is no path parameter") // namerd: 500
	}
	path, err := dtab.ParsePath(text)
	if err != nil {
		return nil, badRequest("Invalid path: %s / %v", text, err)
	}
	return path, nil
}

// extra is the dtab parameter.
func (p params) extra() (dtab.Dtab, error) {
	extra, err := dtab.Parse(p["dtab"])
	if err != nil {
		return nil, badRequest("Invalid dtab: %v", err) // namerd: 500
	}
	return extra, nil
}

// question reads the parameters of a request that asks for a name in a namespace.
func question(r *http.Request, namespace string) (params, names.Query, error) {
	p, err := parameters(r)
	if err != nil {
		return nil, names.Query{}, err
	}
	query, err := p.question(namespace)
	return p, query, err
}

// question reads what bind, resolve and delegate are asked.
func (p params) question(namespace string) (names.Query, error) {
	path, err := p.path()
	if err != nil {
		return names.Query{}, err
	}
	extra, err := p.extra()
	if err != nil {
		return names.Query{}, err
	}
	return names.Query{Namespace: &namespace, Path: path, Extra: extra, ExtraText: p["dtab"]}, nil
}
