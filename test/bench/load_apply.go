//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// runApply has the proxy's controller change Routes routes at once, again and
// again, and tells how long that takes from publishing to the acknowledgement.
func runApply(c *client) (metrics, error) {
	change := fmt.Sprintf("/change?routes=%d", c.Routes)
	if _, err := c.ask(http.MethodPost, change); err != nil { // the routes are new, and their ports are opened
		return nil, err
	}
	var times hist
	for end := time.Now().Add(time.Duration(c.Seconds * float64(time.Second))); time.Now().Before(end); {
		ms, err := c.ask(http.MethodPost, change)
		if err != nil {
			return nil, err
		}
		times.add(int64(ms * float64(time.Millisecond)))
	}
	return metrics{
		"apply_p50_ms": float64(times.quantile(0.5)) / 1e6,
		"apply_max_ms": float64(times.max) / 1e6,
		"changes":      float64(times.total),
	}, nil
}

// acked is the generation that the proxy has acknowledged.
func (c *client) acked() (float64, error) { return c.ask(http.MethodGet, "/acked") }

// ask asks the controller for a number.
func (c *client) ask(method, path string) (float64, error) {
	request, err := http.NewRequest(method, "http://"+c.Control+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := (&http.Client{Timeout: 30 * time.Second}).Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1000))
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
}
