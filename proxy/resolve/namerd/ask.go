// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxAnswer bounds an answer, and each one of a watch, in bytes: some 100,000
// addresses.
const maxAnswer = 16 << 20

// errNoWatch: the namerd does not know the question, or answers it once.
var errNoWatch = errors.New("namerd does not offer it")

// get opens an answer, which is the caller's to close.
func (c *Client) get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		return nil, refusal(answer)
	}
	return answer, nil
}

// refusal is the error of an answer that is none. Its text is namerd's, as far as
// there is one.
func refusal(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
	text = bytes.TrimSpace(text)
	switch answer.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return fmt.Errorf("%w: %s answers %s %s", errNoWatch, answer.Request.URL, answer.Status, text)
	}
	return fmt.Errorf("%s answers %s %s", answer.Request.URL, answer.Status, text)
}

// once asks for one answer.
func (c *Client) once(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	answer, err := c.get(ctx, url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", url, err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("the answer of %s is longer than %d bytes", url, maxAnswer)
	}
	return text, nil
}

// stream asks for answers until ctx ends or take returns an error. An answer is a
// line. One whose length is known beforehand is no stream.
func (c *Client) stream(ctx context.Context, url string, take func([]byte) error) error {
	answer, err := c.get(ctx, url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.ContentLength >= 0 {
		return fmt.Errorf("%w: %s answers once", errNoWatch, url)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := take(lines.Bytes()); err != nil {
			return fmt.Errorf("%s answers %q: %w", url, clip(lines.Text()), err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the answers of %s: %w", url, err)
	}
	return fmt.Errorf("%s has ended its answers", url)
}
