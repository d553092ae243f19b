// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/wye-dev/wye/dtab"
)

// The forms of a table.
const (
	mediaJSON = "application/json"
	mediaDtab = "application/dtab"
	mediaText = "text/plain"
)

// known is the form that a media type stands for, empty if none. Parameters and
// case do not matter, and there are no wildcards.
func known(mediaType string) string {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	if slices.Contains([]string{mediaJSON, mediaDtab, mediaText}, mediaType) {
		return mediaType
	}
	return ""
}

// accepted is the first known form that a client names, or JSON. It is the order
// that counts, not q.
func accepted(accept []string) string {
	for _, list := range accept {
		for mediaType := range strings.SplitSeq(list, ",") {
			if media := known(mediaType); media != "" {
				return media
			}
		}
	}
	return mediaJSON
}

func renderTable(media string, table dtab.Dtab) ([]byte, error) {
	if media == mediaJSON {
		return renderJSON(table)
	}
	return append([]byte(table.String()), '\n'), nil
}

// renderJSON is compact, leaves <, > and & as they are, and ends with a newline.
func renderJSON[T any](value T) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return text.Bytes(), err
}

func parseTable(media string, body []byte) (dtab.Dtab, *mistake) {
	if media != mediaJSON {
		table, err := dtab.Parse(string(body))
		if err != nil {
			return nil, &mistake{text: err.Error()}
		}
		return table, nil
	}
	var table dtab.Dtab
	err := json.Unmarshal(body, &table)
	switch {
	case err == nil:
		return table, nil
	case hasNull(body):
		return nil, &mistake{text: fmt.Sprintf("Invalid dentries: %s", short(body)), always: true}
	default:
		return nil, &mistake{}
	}
}

// hasNull tells whether a JSON list has null where a dentry should be.
func hasNull(body []byte) bool {
	var entries []json.RawMessage
	if json.Unmarshal(body, &entries) != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e json.RawMessage) bool { return string(e) == "null" })
}

// short is a text that repeats what a client sent, or the beginning of it.
func short(body []byte) string {
	const most = 200
	if len(body) > most {
		return string(body[:most]) + "..."
	}
	return string(body)
}
