// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tables reads delegation tables out of files: the text that namerd
// takes, Dtab objects, the DTab objects of l5d.io, and namerctl's JSON. Each rule
// and each mistake comes with its place in the file. It reads texts, not files.
package tables

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/dtab/lint"
)

// MaxText is how long a file may be, in bytes.
const MaxText = 8 << 20

// Table is one table of a file.
type Table struct {
	// Name, Namespace and Labels of the object; empty for one that is no object.
	Name, Namespace string
	Labels          map[string]string
	Rules           []Rule
	// Mistakes are what does not parse, in the order of the file.
	Mistakes []Mistake
}

// Rule is one rule as it is written.
type Rule struct {
	Prefix, Dst string
	Place       string // such as default.dtab:3:1, or default.yaml:12
	dentry      dtab.Dentry
}

// Mistake is a text that does not parse.
type Mistake struct {
	Rule  int    // index of the rule; -1 in a text, of which nothing can be read then
	Place string // file, line and column
	Field string // such as spec.dentries[2].dst; empty in a text
	Err   *dtab.SyntaxError
}

// Mend says how the mistake may be mended.
func (m Mistake) Mend() string {
	switch {
	case strings.HasSuffix(m.Field, ".prefix"):
		return lint.Mend(lint.Prefix, m.Err)
	case m.Field != "":
		return lint.Mend(lint.Destination, m.Err)
	}
	return lint.Mend(lint.Rules, m.Err)
}

// Error is the mistake in one line, with a mend.
func (m Mistake) Error() string {
	text := lint.Describe(m.Err) + "; " + m.Mend()
	if m.Field == "" {
		return fmt.Sprintf("%s: %s", m.Place, text)
	}
	return fmt.Sprintf("%s: %s: %s", m.Place, m.Field, text)
}

// Dtab is the table, if nothing is wrong with it. Of several mistakes the error
// tells all.
func (t *Table) Dtab() (dtab.Dtab, error) {
	if len(t.Mistakes) > 0 {
		errs := make([]error, len(t.Mistakes))
		for i, m := range t.Mistakes {
			errs[i] = m
		}
		return nil, errors.Join(errs...)
	}
	d := make(dtab.Dtab, len(t.Rules))
	for i, r := range t.Rules {
		d[i] = r.dentry
	}
	return d, nil
}

// Places are the places of the rules.
func (t *Table) Places() []string {
	places := make([]string, len(t.Rules))
	for i, r := range t.Rules {
		places[i] = r.Place
	}
	return places
}

// Of makes a table of rules that come from elsewhere, such as the API server.
// place says where rule i is.
func Of(rules []Rule, place func(i int) string) *Table {
	t := &Table{}
	for i, r := range rules {
		t.add(r.Prefix, r.Dst, place(i), place(i), func(string, int, int) string { return place(i) })
	}
	return t
}

// add adds a rule. field is what to call it; at gives the place of a line and
// column within one of its texts.
func (t *Table) add(prefix, dst, place, field string, at func(text string, line, column int) string) {
	entry, err := dtab.ParseDentry(prefix, dst)
	var wrong *dtab.DentryError
	var syntax *dtab.SyntaxError
	if errors.As(err, &wrong) && errors.As(err, &syntax) {
		t.Mistakes = append(t.Mistakes, Mistake{
			Rule: len(t.Rules), Place: at(wrong.Field, syntax.Line, syntax.Column), Field: field + "." + wrong.Field, Err: syntax,
		})
	}
	t.Rules = append(t.Rules, Rule{Prefix: prefix, Dst: dst, Place: place, dentry: entry})
}

// Read reads the tables of a file; file is what places call it. Objects of other
// kinds are passed over. It is an error if there is no table.
func Read(file string, text []byte) ([]*Table, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%s is longer than %d bytes", file, MaxText)
	}
	if isDtab(string(text)) {
		return []*Table{readText(file, string(text))}, nil
	}
	found, err := readObjects(file, text)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: there is no delegation table in it", file)
	}
	return found, err
}

// isDtab tells whether a file is the text of a table rather than YAML or JSON: it
// begins as a path does, or with something that no object begins with, or there
// is nothing but comments.
func isDtab(text string) bool {
	for text = strings.TrimSpace(text); strings.HasPrefix(text, "#"); text = strings.TrimSpace(text) {
		_, text, _ = strings.Cut(text, "\n")
	}
	first, _, _ := strings.Cut(text, "\n")
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return false
	}
	beginsObject := strings.HasPrefix(first, "---") || strings.HasPrefix(first, "- ") ||
		strings.Contains(first, ": ") || strings.HasSuffix(strings.TrimSpace(first), ":")
	return !beginsObject || strings.HasPrefix(text, "/")
}

func readText(file, text string) *Table {
	t := &Table{}
	d, positions, err := dtab.ParsePositions(text)
	if syntax, ok := errors.AsType[*dtab.SyntaxError](err); ok {
		t.Mistakes = []Mistake{{Rule: -1, Place: fmt.Sprintf("%s:%d:%d", file, syntax.Line, syntax.Column), Err: syntax}}
		return t
	}
	for i, e := range d {
		t.Rules = append(t.Rules, Rule{
			Prefix: e.Prefix.String(), Dst: dtab.FormatTreeExact(e.Dst), dentry: e,
			Place: fmt.Sprintf("%s:%d:%d", file, positions[i].Line, positions[i].Column),
		})
	}
	return t
}

// Find picks the table of a name, or the only one if the name is empty.
func Find(file string, found []*Table, name string) (*Table, error) {
	if name == "" {
		if len(found) == 1 {
			return found[0], nil
		}
		return nil, fmt.Errorf("%s has %d tables; name one of %s", file, len(found), names(found))
	}
	for _, t := range found {
		if t.Name == name || len(found) == 1 && t.Name == "" {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%s has no Dtab %q; it has %s", file, name, names(found))
}

func names(found []*Table) string {
	var all []string
	for _, t := range found {
		all = append(all, "dtab/"+t.Name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
