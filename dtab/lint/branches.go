// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"

	"github.com/wye-dev/wye/dtab"
)

func (l *linter) find(kind Kind, mend, format string, args ...any) {
	l.findings = append(l.findings, Finding{Rule: l.rule, Kind: kind, Message: fmt.Sprintf(format, args...), Mend: mend})
}

// branches looks at the alternatives and unions of a destination.
func (l *linter) branches(t dtab.Tree[dtab.Path]) {
	switch t.Kind {
	case dtab.Alt:
		l.alternatives(t)
	case dtab.Union:
		l.weights(t)
	}
	for _, c := range t.Children {
		l.branches(c.Tree)
	}
}

// alternatives finds those that come after one that always answers, that say the
// same as an earlier one, or say nothing.
func (l *linter) alternatives(t dtab.Tree[dtab.Path]) {
	before := map[string]bool{}
	for i, c := range t.Children {
		exact, text := dtab.FormatTreeExact(c.Tree), show(c.Tree)
		if before[exact] && c.Tree.Kind != dtab.Neg {
			l.find(Unreachable, "remove it", "the alternative %s is there twice; the second is tried when the first was nothing, and is nothing then", text)
		}
		before[exact] = true
		if c.Tree.Kind == dtab.Neg {
			l.find(Unreachable, "remove it", "the alternative ~ is no such name, so the next is tried at once")
		}
		if l.certain(c.Tree, 0).always && i+1 < len(t.Children) {
			l.find(Unreachable, "put the alternatives in another order, or remove those that are not meant",
				"the alternative %s always answers, so %s is never tried", text, show(t.Children[i+1].Tree))
			return
		}
	}
}

// weights finds unions that send nothing anywhere, and branches that never count.
func (l *linter) weights(t dtab.Tree[dtab.Path]) {
	sum := 0.0
	for _, c := range t.Children {
		sum += c.Weight
		if c.Tree.Kind == dtab.Fail || c.Tree.Kind == dtab.Neg {
			l.find(Dropped, "write $ for a share that is to be refused, or remove the branch",
				"the branch %s of %s is left out, and the others get its share", show(c.Tree), show(t))
		}
	}
	if sum == 0 {
		l.find(NoWeight, "give one of them a weight above zero", "all weights of %s are zero, so its connections are refused", show(t))
	}
}

// maxShown bounds the texts in messages, in bytes.
const maxShown = 160

func show(t dtab.Tree[dtab.Path]) string { return clip(dtab.FormatTreeExact(t)) }

// clip shortens a canonical text, which is ASCII.
func clip(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return text[:maxShown-3] + "..."
}
