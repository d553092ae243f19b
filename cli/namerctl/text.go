// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerctl

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Dentry is one rule, as texts.
type Dentry struct {
	Prefix string `json:"prefix"`
	Dst    string `json:"dst"`
}

// Dtab is a table, as texts.
type Dtab []Dentry

// Versioned is a table and its version, which is opaque and may be empty. Its
// JSON is what --json prints and what is read back.
type Versioned struct {
	Version string `json:"version"`
	Dtab    Dtab   `json:"dtab"`
}

// Line is the table on one line.
func (d Dtab) Line() string {
	var text strings.Builder
	for _, e := range d {
		fmt.Fprintf(&text, "%s=>%s;", e.Prefix, e.Dst)
	}
	return text.String()
}

// Pretty is one line for each rule, with the arrows one below the other.
func (d Dtab) Pretty() string {
	widest := 0
	for _, e := range d {
		widest = max(widest, len(e.Prefix))
	}
	var text strings.Builder
	for _, e := range d {
		fmt.Fprintf(&text, "%s  %*s %s ;\n", e.Prefix, widest-len(e.Prefix)+len("=>"), "=>", e.Dst)
	}
	return text.String()
}

// Pretty is the table after its version, which reads as a comment.
func (v Versioned) Pretty() string {
	if v.Version == "" {
		return v.Dtab.Pretty()
	}
	return "# version " + v.Version + "\n" + v.Dtab.Pretty()
}

// The media types of tables.
const (
	mediaJSON = "application/json"
	mediaDtab = "application/dtab"
)

// Input is a table to be sent.
type Input struct {
	Body        string
	ContentType string
	Version     string // that must be the newest; empty for any
	// JSON is what the text said if it was JSON. Other texts are not read here.
	JSON *Versioned
}

// ReadInput takes a text that begins with { or [ for what --json printed: the
// table alone is sent, and a version in it beats the given one. Any other text
// is sent as it is. A list by itself is an error, as it is in namerctl.
func ReadInput(text, version string) (Input, error) {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return Input{Body: text, ContentType: mediaDtab, Version: version}, nil
	}
	var table Versioned
	if err := json.Unmarshal([]byte(text), &table); err != nil {
		return Input{}, err
	}
	body, err := json.Marshal(table.Dtab)
	if err != nil {
		return Input{}, err
	}
	if table.Version != "" {
		version = table.Version
	}
	return Input{Body: string(body), ContentType: mediaJSON, Version: version, JSON: &table}, nil
}
