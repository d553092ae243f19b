// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dtab is the delegation language: paths, name trees, delegation tables,
// and the binding of logical names to concrete ones. It is pure: the standard
// library only, no IO, no clock, no logger. What exists in the world is asked of
// a Namers that the caller passes in.
package dtab

import "errors"

// Path is a sequence of segments. A segment is a non-empty byte string.
type Path []string

// ParsePath reads the text form of a path, such as /svc/redis. The error is a *SyntaxError.
func ParsePath(text string) (Path, error) { panic("contract") }

// MustParsePath is ParsePath for texts known to be right; it panics on others.
func MustParsePath(text string) Path { panic("contract") }

// String is the canonical text form.
func (p Path) String() string { panic("contract") }

// HasPrefix tells whether p begins with all segments of q.
func (p Path) HasPrefix(q Path) bool { panic("contract") }

// Equal tells whether p and q have the same segments.
func (p Path) Equal(q Path) bool { panic("contract") }

// Prefix is the left side of a rule: segments, some of which may be wildcards.
type Prefix []string // "" is the wildcard *

// ParsePrefix reads the text form of a prefix, such as /http/1.1/*.
func ParsePrefix(text string) (Prefix, error) { panic("contract") }

// String is the canonical text form.
func (p Prefix) String() string { panic("contract") }

// Kind says what a Tree is.
type Kind uint8

// The kinds of a Tree. Neg is the zero value: no such name.
const (
	Neg   Kind = iota // no such name
	Fail              // refused on purpose
	Empty             // exists, and has nobody
	Leaf              // a destination
	Alt               // the first child that is not Neg
	Union             // all children, by weight
)

// Tree is a name tree. The zero value is Neg. Trees are immutable once built.
type Tree[L any] struct {
	Kind     Kind
	Leaf     L             // for Kind Leaf
	Children []Weighted[L] // for Alt (weights mean nothing) and Union
}

// Weighted is a child of a Union or an Alt.
type Weighted[L any] struct {
	Weight float64 // at least 0 and finite
	Tree   Tree[L]
}

// Map replaces each leaf of a tree.
func Map[L, M any](t Tree[L], f func(L) M) Tree[M] { panic("contract") }

// Simplify drops what can have no effect, as spec section b says.
func Simplify[L any](t Tree[L]) Tree[L] { panic("contract") }

// ParseTree reads a destination, such as "9 * /a & 1 * /b | /c". The error is a *SyntaxError.
func ParseTree(text string) (Tree[Path], error) { panic("contract") }

// FormatTree is the canonical text of a tree of paths. Weights print with two
// decimals, so the text may say less than the tree.
func FormatTree(t Tree[Path]) string { panic("contract") }

// Dentry is one rule of a table.
type Dentry struct {
	Prefix Prefix
	Dst    Tree[Path]
}

// ParseDentry reads the two texts of a rule. The error is a *DentryError that says
// which of them is wrong, around a *SyntaxError.
func ParseDentry(prefix, dst string) (Dentry, error) { panic("contract") }

// Dtab is a delegation table; later entries win.
type Dtab []Dentry

// Parse reads the text form of a table. The error is a *SyntaxError.
func Parse(text string) (Dtab, error) { panic("contract") }

// String is the canonical text form.
func (d Dtab) String() string { panic("contract") }

// SyntaxError says where a text stops making sense.
type SyntaxError struct {
	Text     string // the whole text
	Offset   int    // in bytes, from 0
	Line     int    // from 1
	Column   int    // in bytes, from 1
	Expected string // such as "label char"
	Found    string // such as "'x'" or "end of input"
}

// Error has the shape of Finagle's: WHAT expected but FOUND found at 'BEFORE[C]AFTER'.
func (e *SyntaxError) Error() string { panic("contract") }

// Name is a leaf of what a namer answers: either a path that is to be resolved
// through the table again, or a bound name.
type Name struct {
	Path  Path   // when Bound is nil
	Bound *Bound // a concrete name
}

// Bound is a concrete name.
type Bound struct {
	ID       Path // names it, such as /#/io.l5d.fs/redis1
	Residual Path // what the namer did not consume
}

// Namers answers for concrete names: paths that begin with /#/. (The names under
// /$/ are this package's own.)
type Namers interface {
	// Lookup answers what the path is bound to: Neg when there is nothing of
	// that name, ErrPending when that is not known yet, another error when it
	// cannot be known.
	Lookup(path Path) (Tree[Name], error)
}

// Errors of binding.
var (
	// ErrPending: a namer does not know yet.
	ErrPending = errors.New("pending")
	// ErrDepth: a name led to more than 100 resolutions one inside the other.
	ErrDepth = errors.New("Max recursion level: 100 reached in Namer lookup")
	// ErrSteps: binding took more than the allowed steps.
	ErrSteps = errors.New("too many steps")
)

// Table is a Dtab prepared for look-ups whose cost does not grow with entries
// that cannot match.
type Table struct{}

// NewTable prepares a table.
func NewTable(d Dtab) *Table { panic("contract") }

// Lookup is one step of delegation: what the rules say of a path, Neg if nothing.
func (t *Table) Lookup(p Path) Tree[Path] { panic("contract") }

// Interpreter binds names.
type Interpreter struct {
	Table  *Table
	Namers Namers // nil knows nothing
	// Steps bounds the resolutions of one Bind. 0 stands for DefaultSteps.
	Steps int
}

// DefaultSteps is the budget of an Interpreter that sets none.
const DefaultSteps = 10000

// Binding is the result of Bind.
type Binding struct {
	Tree Tree[Bound] // simplified; has no Alt
	// LeftOut are the errors of union branches that were left out because
	// others are settled: loops, namers' errors, ErrPending.
	LeftOut []error
}

// Bind resolves a path until only concrete names are left. The error is
// ErrPending, ErrDepth or ErrSteps (wrapped with the path where it happened), or
// a namer's.
func (in Interpreter) Bind(path Path) (Binding, error) { panic("contract") }

// BindTree is Bind for a tree.
func (in Interpreter) BindTree(tree Tree[Path]) (Binding, error) { panic("contract") }
