// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package rewrite

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/wye-dev/wye/dtab"
)

// segment is one segment of a pattern.
type segment struct {
	any       bool           // the wildcard *
	literal   string         // as paths print it, when there are no variables
	variables []string       // in order; a variable may come twice
	form      *regexp.Regexp // with a group for each variable
}

func parsePattern(pattern string) ([]segment, error) {
	rest, ok := strings.CutPrefix(pattern, "/")
	if !ok {
		return nil, errors.New("it does not begin with /")
	}
	if rest == "" {
		return nil, nil // matches everything
	}
	var segments []segment
	for text := range strings.SplitSeq(rest, "/") {
		s, err := parseSegment(text)
		if err != nil {
			return nil, err
		}
		segments = append(segments, s)
	}
	return segments, nil
}

func parseSegment(text string) (segment, error) {
	if text == "*" {
		return segment{any: true}, nil
	}
	places := variable.FindAllStringIndex(text, -1)
	if len(places) == 0 {
		path, err := dtab.ParsePath("/" + text)
		if err != nil || len(path) != 1 {
			return segment{}, fmt.Errorf("%q is neither a segment of a path, nor *, nor has it variables such as {name}", text)
		}
		return segment{literal: path.String()[1:]}, nil
	}
	// A variable takes as much as it can. What follows the last literal is left
	// aside, as in linkerd: {x}:http matches a:http and a:https.
	var s segment
	var form strings.Builder
	form.WriteString("^")
	end := 0
	for _, place := range places {
		form.WriteString(regexp.QuoteMeta(text[end:place[0]]) + "(.*)")
		s.variables = append(s.variables, text[place[0]+1:place[1]-1])
		end = place[1]
	}
	form.WriteString(regexp.QuoteMeta(text[end:]))
	var err error
	s.form, err = regexp.Compile(form.String())
	return s, err
}

// match matches the printed text of a segment. Of a variable that comes twice the
// first counts.
func (s segment) match(text string) (variables map[string]string, ok bool) {
	switch {
	case s.any:
		return nil, true
	case s.form == nil:
		return nil, text == s.literal
	}
	groups := s.form.FindStringSubmatch(text)
	if groups == nil {
		return nil, false
	}
	variables = map[string]string{}
	for i, name := range slices.Backward(s.variables) {
		variables[name] = groups[i+1]
	}
	return variables, true
}
