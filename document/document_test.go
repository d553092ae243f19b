// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/dtab"
)

// values of every kind that can be read.
type values struct {
	Text  string
	IP    netip.Addr
	Port  uint16
	Whole int64
	Path  dtab.Path
	Table string
	List  []string
}

// read reads a mapping of values.
func read(t *testing.T, text string) (values, *document.Document) {
	t.Helper()
	d, root, err := document.Open("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var v values
	found := d.Fields(root, "it",
		document.Field{Key: "kind"},
		document.Field{Key: "text", Read: d.Into(&v.Text, "text")},
		document.Field{Key: "ip", Read: d.IP(&v.IP)},
		document.Field{Key: "port", Read: d.Port(&v.Port)},
		document.Field{Key: "whole", Read: d.Whole(&v.Whole, "whole", -1, 10)},
		document.Field{Key: "path", Read: d.Path(&v.Path, "path")},
		document.Field{Key: "dtab", Read: func(n *yaml.Node) {
			table, _, _ := d.Dtab(n, "the dtab")
			v.Table = table.String()
		}},
		document.Field{Key: "list", Read: func(n *yaml.Node) {
			for _, n := range d.Items(n, "list") {
				item, _ := d.Text(n, "an item")
				v.List = append(v.List, item)
			}
		}},
	)
	d.Need(root, found, "it", "text")
	return v, d
}

func TestValuesAreRead(t *testing.T) {
	for _, text := range []string{
		"text: a\nip: ::1\nport: 80\nwhole: -1\npath: /a\ndtab: |\n  /a => /b ;\nlist: [x, y]\nkind:\n",
		"{\"text\": \"a\", \"ip\": \"::1\",\n\t\"port\": 80, \"whole\": -1, \"path\": \"/a\", \"dtab\": \"/a => /b\", \"list\": [\"x\", \"y\"]}",
		"text: &a a\nip: ::1\nport: 0x50\nwhole: -1\npath: /a\ndtab: /a=>/b\nlist: &l [x, y]\n",
	} {
		want := values{"a", netip.IPv6Loopback(), 80, -1, dtab.Path{"a"}, "/a=>/b", []string{"x", "y"}}
		got, d := read(t, text)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || d.Err() != nil || d.Failed() {
			t.Errorf("%v (-want +got):\n%s", d.Err(), diff)
		}
	}
}

func TestAllMistakesAreToldInTheirOrder(t *testing.T) {
	_, d := read(t, "whole: 11\nip: a\nport: -1\npath: a\ndtab: |\n  /a => /b ;\n  /c ? ;\nlist: x\ntext: [a]\nmore: 1\nwhole: 1.5\n")
	const want = `f:1:8: whole must be a whole number from -1 to 10, and is "11"
f:2:5: "a" is not an IP address
f:3:7: "-1" is not a port from 0 to 65535
f:4:7: path: '/' expected, but 'a' found; begin the path with /, as in /svc
f:7:6: the dtab does not parse: '=' expected, but '?' found; write => between prefix and destination, as in /svc => /cluster
f:8:7: list must be a list
f:9:7: text must be a text
f:10:1: unknown key "more" in it: known are kind, text, ip, port, whole, path, dtab, list
f:11:1: key "whole" in it comes twice`
	if diff := cmp.Diff(want, d.Err().Error()); diff != "" || !d.Failed() {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMistakesInTablesHaveTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"dtab: |\n  /a => /b ;\n  /c =>\n":                "3:8", // the end, whatever comes after the table
		"dtab: |\n  /a => /b ;\n  /c =>\nwhole: 1\n":      "3:8",
		"dtab: |\n  /a => /b ;\n  /c =>  \n\n\ntext: a\n": "3:8",
		"dtab: |\r\n  /a => /b ;\r\n  /c ?\r\n":           "3:6",
		"dtab: |\n  # ä\n  /ä => /b\n":                    "3:4",
		"dtab: /a => ?":                                   "1:13",
		"dtab: '/a => ?'":                                 "1:14",
		"{\"dtab\": \"/a =>\"}":                           "1:16",
		"{text: ä, dtab: /a}":                             "1:19",
		"dtab: \"\\x2fa => ?\"":                           "1:7", // where the text begins
		"dtab: '/a => '''":                                "1:14",
		"dtab: >\n  /a =>\n  ?\n":                         "1:7",
		"dtab: /a =>\n  ?\n":                              "1:7",
		"dtab: &x /a => ?":                                "1:7",
	} {
		_, d := read(t, text)
		if err := d.Err(); err == nil || !strings.Contains(err.Error(), "f:"+want+": the dtab does not parse: ") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestWarningsAreNoMistakes(t *testing.T) {
	_, d := read(t, "text: a")
	d.Warn(document.Place{Line: 2, Column: 1}, "second %d", 2)
	d.Warn(document.Place{Line: 1, Column: 9}, "first")
	if diff := cmp.Diff([]string{"f:1:9: first", "f:2:1: second 2"}, d.Warnings()); diff != "" || d.Err() != nil {
		t.Errorf("%v (-want +got):\n%s", d.Err(), diff)
	}
}

func TestWhatIsMissingIsTold(t *testing.T) {
	_, d := read(t, "ip: ::1\ntext: ~")
	if d.Err() == nil || d.Err().Error() != "f:1:1: it needs text" {
		t.Error(d.Err())
	}
}
