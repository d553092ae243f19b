// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// wide is the text of a table with n rules: services, some of them by wildcard,
// some split, each with a name of its own.
func wide(n int) string {
	var text strings.Builder
	text.WriteString("/svc => /host;\n")
	for i := 1; i < n; i++ {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&text, "/host/*/canary/s%d => /#/a;\n", i)
		case 1:
			fmt.Fprintf(&text, "/host/s%d => 9 * /#/a/s%d & 1 * /#/b/s%d | /#/c;\n", i, i, i)
		default:
			fmt.Fprintf(&text, "/host/s%d => /#/a/s%d;\n", i, i)
		}
	}
	return text.String()
}

// miss is a path that no rule of wide matches, though many begin alike.
var miss = Path{"host", "x", "canary", "nobody"}

func TestLookupOfAMissAllocatesNothing(t *testing.T) {
	table := mustTable(t, wide(10000))
	if n := testing.AllocsPerRun(100, func() { table.Lookup(miss) }); n != 0 {
		t.Errorf("a look-up that finds nothing makes %v allocations", n)
	}
	hit := Path{"host", "s2"}
	if n := testing.AllocsPerRun(100, func() { table.Lookup(hit) }); n != 0 {
		t.Errorf("a look-up of a whole prefix makes %v allocations", n)
	}
	longer := Path{"host", "s2", "x"}
	if n := testing.AllocsPerRun(100, func() { table.Lookup(longer) }); n > 1 {
		t.Errorf("a look-up of a longer path makes %v allocations", n)
	}
}

func TestLookupVisitsOnlyWhatCanMatch(t *testing.T) {
	for _, n := range []int{10, 100, 1000, 10000} {
		table := mustTable(t, wide(n))
		if _, visited := table.match(miss, nil); visited > len(miss)+1 {
			t.Errorf("of %d rules, a path of %d segments visits %d", n, len(miss), visited)
		}
	}
}

func TestLookupIsAsFastInALargeTable(t *testing.T) {
	// A scan would be a thousand times slower; caches account for a few times.
	small, large := lookupTime(mustTable(t, wide(10))), lookupTime(mustTable(t, wide(10000)))
	if large > 100*small {
		t.Errorf("a look-up takes %v among 10 rules and %v among 10,000", small, large)
	}
}

// lookupTime is the shortest time that a thousand look-ups took.
func lookupTime(table *Table) time.Duration {
	shortest := time.Hour
	for range 20 {
		start := time.Now()
		for range 1000 {
			table.Lookup(miss)
		}
		shortest = min(shortest, time.Since(start))
	}
	return shortest
}

func BenchmarkParse(b *testing.B) {
	text := wide(10000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrint(b *testing.B) {
	d, err := Parse(wide(10000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = d.String()
	}
}

func BenchmarkNewTable(b *testing.B) {
	d, err := Parse(wide(10000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		NewTable(d)
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		table := mustTable(b, wide(n))
		for name, p := range map[string]Path{"miss": miss, "hit": {"host", "s2", "x"}} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					table.Lookup(p)
				}
			})
		}
	}
}

func BenchmarkBind(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		in := Interpreter{Table: mustTable(b, wide(n)), Namers: testWorld()}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := in.Bind(Path{"svc", "s5"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBindSpendsTheBudget(b *testing.B) {
	in := Interpreter{Table: mustTable(b, "/a => /a & /a")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := in.Bind(Path{"a"}); err == nil {
			b.Fatal("no error")
		}
	}
}
