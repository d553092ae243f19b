// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxAnswer  = 16 << 20 // bytes
	maxMistake = 1 << 10  // bytes of a text that says what is wrong
)

// Get asks a controller, whose URL is base, about the published routes of a
// namespace, or about the one with a name unless that is empty.
func Get(ctx context.Context, client *http.Client, base, namespace, name string) ([]Route, error) {
	query := url.Values{"namespace": {namespace}}
	if name != "" {
		query.Set("name", name)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+Path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxMistake))
		if err != nil {
			return nil, fmt.Errorf("read the answer of the controller: %w", err)
		}
		return nil, fmt.Errorf("the controller answers %s: %s", response.Status, oneLine(string(text)))
	}
	var answer Answer
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the answer of the controller: %w", err)
	}
	return answer.Routes, nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
