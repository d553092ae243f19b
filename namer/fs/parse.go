// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"fmt"
	"strconv"
	"strings"
)

// maxWeight keeps sums of weights finite.
const maxWeight = 1e9

// entry is a line of a file.
type entry struct {
	host   string
	port   uint16
	weight float64 // from 0 to maxWeight
}

// parse reads a file of linkerd's format: one HOST PORT or HOST PORT * WEIGHT in
// a line, the star a word of its own; # begins a comment anywhere; blank lines
// mean nothing. The first line that is none of these is the error, in linkerd's words.
// (linkerd also refuses a CR after a comment.)
func parse(text string) ([]entry, error) {
	var entries []entry
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		e, ok := parseLine(words)
		if !ok {
			return nil, fmt.Errorf("malformed address: %s", strings.TrimSpace(line))
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func parseLine(words []string) (entry, bool) {
	if len(words) != 2 && (len(words) != 4 || words[2] != "*") {
		return entry{}, false
	}
	port, err := strconv.ParseUint(words[1], 10, 16)
	if err != nil || port == 0 {
		return entry{}, false
	}
	e := entry{host: words[0], port: uint16(port), weight: 1}
	if len(words) == 4 {
		var ok bool
		if e.weight, ok = parseWeight(words[3]); !ok {
			return entry{}, false
		}
	}
	return e, true
}

// parseWeight reads a decimal number. (ParseFloat alone would take NaN, Inf and
// hexadecimal.)
func parseWeight(text string) (float64, bool) {
	if strings.Trim(text, "0123456789.eE+-") != "" {
		return 0, false
	}
	weight, err := strconv.ParseFloat(text, 64)
	return weight, err == nil && weight >= 0 && weight <= maxWeight
}
