// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"strings"

	"github.com/wye-dev/wye/dtab"
)

// Describe says what is wrong with a text that does not parse, without the text
// (which may be long) and in plain words where the parser's own are short.
func Describe(e *dtab.SyntaxError) string {
	expected := e.Expected
	switch expected {
	case "simple":
		expected = "a destination"
	case "label char":
		expected = "something after the slash"
	case "end of input":
		return found(e) + " found, where nothing more belongs"
	case "number char", "weight":
		expected = "a weight"
	case "hex char":
		expected = "a hex digit"
	}
	return fmt.Sprintf("%s expected, but %s found", expected, found(e))
}

// found is what was found, on one line.
func found(e *dtab.SyntaxError) string {
	switch e.Found {
	case "'\n'", "'\r'":
		return "end of line"
	case "'\t'":
		return "a tab"
	}
	return e.Found
}

// Text says what a text is that does not parse: what helps in one is wrong in another.
type Text uint8

// The texts that people write.
const (
	Rules       Text = iota // a whole table
	Prefix                  // the prefix of one rule
	Destination             // the destination of one rule
	Name                    // a path, which is to be bound
)

// Mend says how a text that does not parse may be mended: by the mistakes that
// people make, or else by what may stand at that place.
func Mend(of Text, e *dtab.SyntaxError) string {
	before := strings.TrimRight(e.Text[:min(e.Offset, len(e.Text))], " \t\r\n")
	if e.Found == "'/'" && strings.HasSuffix(before, "/") {
		return "leave one of the slashes out: a path is /a/b, with something after each slash"
	}
	switch e.Expected {
	case "end of input":
		if of == Prefix || of == Name {
			return mendPathRest(of, e)
		}
		return mendRest(of, e, before)
	case "label char":
		return mendSegment(of, e, before)
	case "simple":
		return mendDestination(e)
	case "'='", "'>'":
		return mendArrow(e)
	case "'/'":
		return mendPath(of, e)
	case "'*'":
		return "write a star after the weight, as in 9 * /a & 1 * /b; a weight is a plain number, such as 99 or 0.5"
	case "number char", "weight":
		return "write the weight as a plain number, such as 99 or 0.5"
	case "hex char", "'x'":
		return `write a byte as \x and two hex digits, such as \x20`
	case "')'":
		return "close the parenthesis, or remove the one that was opened"
	}
	return "write " + e.Expected + " here"
}

const noWildcard = "leave the * out: wildcards are for the prefixes of rules"

// mendRest is for what is left over after a whole rule or destination.
func mendRest(of Text, e *dtab.SyntaxError, before string) string {
	switch e.Found {
	case "'/'":
		if strings.HasSuffix(before, "$") {
			return "write /$/ rather than $/"
		}
		if of == Destination {
			return "put | or & between two destinations"
		}
		return "end the rule before with ;, or put | or & between two destinations"
	case "')'":
		return "remove the parenthesis, or open one before"
	case "'*'":
		if len(before) == e.Offset { // no blank between
			return noWildcard
		}
		return "write a weight before its destination, as in 9 * /a & 1 * /b"
	case "'+'", "','":
		return "put & between the branches of a union, | between alternatives"
	case "'='":
		if of == Destination {
			return "leave => out: this is the destination of one rule, and another is an entry of its own"
		}
		return "end the rule before with ;"
	case "';'":
		if of == Destination {
			return "leave the ; out: this is the destination of one rule, and another is an entry of its own"
		}
	}
	if of == Destination {
		return notBare(e, "remove what follows, or put | or & between two destinations")
	}
	return notBare(e, "remove what follows, or separate it: ; between rules, | or & between destinations")
}

// mendPathRest is for what is left over after a path that is all of a text.
func mendPathRest(of Text, e *dtab.SyntaxError) string {
	switch {
	case e.Found == "'*'" && of == Name:
		return noWildcard
	case e.Found == "'*'":
		return "a wildcard is a whole element, as in /a/*/b"
	case e.Found == "'='":
		return "leave => out: this is the prefix of one rule, and its destination is a field of its own"
	}
	return notBare(e, "remove what follows: a path is one word, such as /a/b")
}

func mendSegment(of Text, e *dtab.SyntaxError, before string) string {
	ended := strings.Trim(e.Found, "' \t\r\n") == ""
	switch {
	case strings.HasSuffix(before, "/") && (ended || e.Found == "end of input" || e.Found == "';'"):
		return "remove the slash at the end: a path is /a/b, with something after each slash"
	case e.Found == "'*'" && of != Prefix:
		return noWildcard
	}
	return notBare(e, "a path is /a/b, with something after each slash")
}

// notBare adds how to write a character that a path may not have as it is.
func notBare(e *dtab.SyntaxError, otherwise string) string {
	if strings.ContainsAny(e.Found, "@+[]{}?\"") {
		return otherwise + `; in a path, write ` + e.Found + ` as \x and two hex digits`
	}
	return otherwise
}

func mendDestination(e *dtab.SyntaxError) string {
	switch e.Found {
	case "'|'":
		return "write a single | between alternatives"
	case "'&'":
		return "write a single & between the branches of a union"
	case "'-'", "'+'":
		return "write the weight without a sign"
	case "'*'":
		return "write a weight before the star, as in 9 * /a, or leave the star out"
	case "end of input", "';'":
		return "write a destination: a path such as /a/b, or !, ~ or $"
	}
	return "begin a destination with /, as in /a/b; or write !, ~ or $"
}

func mendArrow(e *dtab.SyntaxError) string {
	if e.Found == "'*'" {
		return "a wildcard is a whole element, as in /a/*/b"
	}
	return "write => between prefix and destination, as in /svc => /cluster"
}

func mendPath(of Text, e *dtab.SyntaxError) string {
	if e.Found == "';'" && of == Rules {
		return "remove the ;, which stands between rules and once at the end"
	}
	return "begin the path with /, as in /svc"
}
