// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"bytes"
	"encoding/json"
	"errors"
)

// MarshalJSON gives a list of rules, [] for the empty table. Texts are canonical.
func (d Dtab) MarshalJSON() ([]byte, error) {
	if d == nil {
		d = Dtab{}
	}
	return unescaped([]Dentry(d))
}

// UnmarshalJSON reads a list of rules. Anything else, null included, is an error.
func (d *Dtab) UnmarshalJSON(text []byte) error {
	var entries []Dentry
	if err := json.Unmarshal(text, &entries); err != nil {
		return err
	}
	if entries == nil {
		return errors.New("null where a list of dentries should be")
	}
	*d = entries
	return nil
}

// MarshalJSON gives {"prefix": TEXT, "dst": TEXT} with canonical texts.
func (e Dentry) MarshalJSON() ([]byte, error) {
	return unescaped(struct {
		Prefix string `json:"prefix"`
		Dst    string `json:"dst"`
	}{e.Prefix.String(), FormatTree(e.Dst)})
}

// UnmarshalJSON reads an object with exactly prefix and dst, both of them texts.
// What does not parse is a *DentryError.
func (e *Dentry) UnmarshalJSON(text []byte) error {
	var fields map[string]*string
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	prefix, dst := fields["prefix"], fields["dst"]
	if prefix == nil || dst == nil || len(fields) != 2 {
		return errors.New("a dentry must have a prefix and a dst, and nothing else")
	}
	parsed, err := ParseDentry(*prefix, *dst)
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}

// unescaped is json.Marshal that leaves <, > and & as they are. They stay so if
// the caller's encoder leaves them too.
func unescaped(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
