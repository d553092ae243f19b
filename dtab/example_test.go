// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab_test

import (
	"errors"
	"fmt"

	"github.com/wye-dev/wye/dtab"
)

// disco knows one file-based name per service.
type disco map[string]bool

func (d disco) Lookup(p dtab.Path) (dtab.Tree[dtab.Name], error) {
	if len(p) < 3 || p[1] != "io.l5d.fs" || !d[p[2]] {
		return dtab.Tree[dtab.Name]{}, nil
	}
	bound := dtab.Bound{ID: p[:3], Residual: p[3:]}
	return dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{Bound: &bound}}, nil
}

func ExampleParse() {
	table, err := dtab.Parse(`
		# The canary gets one connection in ten.
		/svc       => /#/io.l5d.fs ;
		/svc/redis => 9 * /#/io.l5d.fs/redis1 & 1 * /#/io.l5d.fs/redis2 ;`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table)
	// Output:
	// /svc=>/#/io.l5d.fs;/svc/redis=>9.00*/#/io.l5d.fs/redis1 & /#/io.l5d.fs/redis2
}

func ExampleSyntaxError() {
	_, err := dtab.Parse("/svc => /host;\n/host => 2.5.1 * /a & /b")
	if syntax, ok := errors.AsType[*dtab.SyntaxError](err); ok {
		fmt.Printf("line %d, column %d: %s expected\n", syntax.Line, syntax.Column, syntax.Expected)
	}
	// Output:
	// line 2, column 13: number char expected
}

func ExampleTable_Lookup() {
	d, _ := dtab.Parse("/svc => /a; /svc/*/x => /wild; /svc => /b")
	table := dtab.NewTable(d)
	fmt.Println(dtab.FormatTree(table.Lookup(dtab.MustParsePath("/svc/redis/x/1"))))
	// Output:
	// /b/redis/x/1 | /wild/1 | /a/redis/x/1
}

func ExampleInterpreter_Bind() {
	d, _ := dtab.Parse(`
		/svc => /#/io.l5d.fs;
		/svc/redis => 9 * /svc/redis1 & 1 * /svc/redis2 | /svc/spare`)
	in := dtab.Interpreter{Table: dtab.NewTable(d)}
	show := func(names disco) {
		in.Namers = names
		binding, err := in.Bind(dtab.MustParsePath("/svc/redis"))
		ids := dtab.Map(binding.Tree, func(b dtab.Bound) dtab.Path { return b.ID })
		fmt.Println(dtab.FormatTree(ids), err)
	}
	show(disco{"redis1": true, "redis2": true, "spare": true})
	show(disco{"redis2": true, "spare": true})
	show(disco{"spare": true})
	show(disco{})
	// Output:
	// 9.00*/#/io.l5d.fs/redis1 & /#/io.l5d.fs/redis2 <nil>
	// /#/io.l5d.fs/redis2 <nil>
	// /#/io.l5d.fs/spare <nil>
	// ~ <nil>
}

func ExampleInterpreter_Bind_loop() {
	d, _ := dtab.Parse("/svc => /host; /host => /svc")
	_, err := dtab.Interpreter{Table: dtab.NewTable(d)}.Bind(dtab.MustParsePath("/svc/redis"))
	fmt.Println(errors.Is(err, dtab.ErrDepth))
	fmt.Println(err)
	// Output:
	// true
	// /svc/redis: Max recursion level: 100 reached in Namer lookup: /svc/redis -> /host/redis -> /svc/redis
}

func ExampleInterpreter_Delegate() {
	d, _ := dtab.Parse("/svc => /#/io.l5d.fs; /svc/redis => /#/io.l5d.fs/redis2")
	in := dtab.Interpreter{Table: dtab.NewTable(d), Namers: disco{"redis": true}}
	node, err := in.Delegate(dtab.MustParsePath("/svc/redis"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range node.Children {
		fmt.Printf("%s %s by %s\n", c.Tree.Kind, c.Tree.Path, c.Tree.Dentry)
	}
	// Output:
	// neg /#/io.l5d.fs/redis2 by /svc/redis=>/#/io.l5d.fs/redis2
	// leaf /#/io.l5d.fs/redis by /svc=>/#/io.l5d.fs
}

func ExampleSimplify() {
	tree, _ := dtab.ParseTree("~ | 3 * /a & 5 * ! | /b | ! | /c")
	fmt.Println(dtab.FormatTree(dtab.Simplify(tree)))
	// Output:
	// /a | /b | !
}
