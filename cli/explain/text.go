// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/wye-dev/wye/controllers/translate"
)

// Text prints an account for people: the steps, then the destinations. Of what
// is not tried only the beginning is shown, unless all is asked for.
func (a Account) Text(w io.Writer, all bool) {
	fmt.Fprintf(w, "%s by %s\n\n", a.Name, a.Table)
	if a.Steps == nil {
		fmt.Fprintln(w, "  The rules lead too far to be shown step by step.")
	} else {
		telling{w: w, all: all}.step(a.Steps, 1)
	}
	fmt.Fprintln(w)
	a.table(w)
	for _, text := range a.LeftOut {
		fmt.Fprintf(w, "\nLeft out: %s\n", text)
	}
}

// table prints the destinations.
func (a Account) table(w io.Writer) {
	columns := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(columns, "SHARE\tWEIGHT\tDESTINATION\tSTATE")
	for _, d := range a.Destinations {
		name := d.Name
		if name == "" {
			name = "-"
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", d.Percent, number(d.Weight), name, d.State)
	}
	columns.Flush()
}

// telling prints steps.
type telling struct {
	w   io.Writer
	all bool
}

// step prints a step in one line, and what it leads to below.
func (t telling) step(s *Step, indent int) {
	fmt.Fprintf(t.w, "%s%s\n", strings.Repeat("  ", indent), s.line())
	if s.Verdict != NotTried || t.all {
		t.next(s, indent+1)
	}
}

func (t telling) next(s *Step, indent int) {
	for _, c := range s.Next {
		// What a rule says is one line with it already.
		if s.Kind == By && (c.Kind == First || c.Kind == Split) {
			t.next(c, indent)
			continue
		}
		t.step(c, indent)
	}
}

// line is a step without what it leads to.
func (s *Step) line() string {
	var parts []string
	weight := ""
	if s.Weight != nil {
		weight = number(*s.Weight) + " * "
	}
	parts = append(parts, weight+s.title())
	if s.Weight != nil && s.Verdict == Taken {
		parts = append(parts, percent(s.Share))
	}
	if s.State != "" {
		parts = append(parts, s.State)
	}
	if note := s.note(); note != "" {
		parts = append(parts, note)
	}
	return strings.Join(parts, "   ")
}

func (s *Step) title() string {
	switch s.Kind {
	case By:
		return s.Rule.Place + "  " + s.Rule.Text
	case First:
		return "the first of"
	case Split:
		return "by weight"
	}
	if s.Bound != "" && s.Bound != s.Name {
		return s.Name + ", bound as " + s.Bound
	}
	return s.Name
}

// note says why traffic does not go this way, at the step where that is so.
func (s *Step) note() string {
	switch {
	case s.Verdict == NotTried:
		return "(not tried)"
	case s.Verdict == LeftOut && s.Weight != nil:
		return "(left out: the others get its share)"
	case s.Verdict == Nothing && len(s.Next) == 0:
		return "(so the next is tried)"
	}
	return ""
}

func percent(share float64) string { return translate.Percentages([]float64{share, 1 - share})[0] }

func number(n float64) string { return strconv.FormatFloat(n, 'g', 12, 64) }
