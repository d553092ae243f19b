// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package namerctl is what users of linkerd's namerctl know: where it looks for
// a namerd, what it asks of it, and what it prints, byte for byte. Tables are
// texts here: whether they make sense is for the server to say.
package namerctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrNotFound says that a table does not exist.
var ErrNotFound = errors.New("resource was not found by ID or name")

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// Client speaks to a namerd.
type Client struct {
	Base *url.URL
	HTTP *http.Client
}

// List is the names of the tables, in the server's order.
func (c *Client) List(ctx context.Context) ([]string, error) {
	var names []string
	_, err := c.get(ctx, "", &names)
	return names, err
}

// Get is one table.
func (c *Client) Get(ctx context.Context, name string) (Versioned, error) {
	var table Versioned
	header, err := c.get(ctx, name, &table.Dtab)
	table.Version = header.Get("ETag")
	return table, err
}

// Create stores a table that is not there yet.
func (c *Client) Create(ctx context.Context, name string, in Input) error {
	request, err := c.request(ctx, http.MethodPost, name, in.Body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", in.ContentType)
	// namerctl knows no 404 here.
	return c.write(request, errors.New("unexpected response: 404 Not Found"))
}

// Update replaces a table, only that of the input's version if it has one.
func (c *Client) Update(ctx context.Context, name string, in Input) error {
	request, err := c.request(ctx, http.MethodPut, name, in.Body)
	if err != nil {
		return err
	}
	if in.Version != "" {
		request.Header.Set("If-Match", in.Version)
	}
	request.Header.Set("Content-Type", in.ContentType)
	return c.write(request, ErrNotFound)
}

// Delete removes a table.
func (c *Client) Delete(ctx context.Context, name string) error {
	request, err := c.request(ctx, http.MethodDelete, name, "")
	if err != nil {
		return err
	}
	return c.write(request, ErrNotFound)
}

// request is a request for the list of tables, or for one of them.
func (c *Client) request(ctx context.Context, method, name, body string) (*http.Request, error) {
	target := *c.Base
	target.Path = strings.TrimRight(target.Path, "/") + "/api/1/dtabs"
	target.RawPath = ""
	if name != "" {
		target.Path += "/" + name
	}
	var content io.Reader
	if method == http.MethodPost || method == http.MethodPut {
		content = strings.NewReader(body)
	}
	return http.NewRequestWithContext(ctx, method, target.String(), content)
}

// get reads a JSON answer.
func (c *Client) get(ctx context.Context, name string, answer any) (http.Header, error) {
	request, err := c.request(ctx, http.MethodGet, name, "")
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer finish(response)
	switch {
	case response.StatusCode == http.StatusNotFound && name != "":
		return nil, ErrNotFound
	case response.StatusCode != http.StatusOK:
		return nil, unexpected(response)
	}
	return response.Header, json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer)
}

// write sends a change. notFound is what a 404 means.
func (c *Client) write(request *http.Request, notFound error) error {
	response, err := c.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer finish(response)
	switch response.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusNotFound:
		return notFound
	}
	return unexpected(response)
}

func unexpected(response *http.Response) error {
	return fmt.Errorf("unexpected response: %s", response.Status)
}

// finish reads the rest of a body, so that the connection ends in good order.
func finish(response *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	response.Body.Close()
}
