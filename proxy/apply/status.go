// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Source is where the config came from that is served.
type Source string

// Sources of a config.
const (
	SourceNone       Source = "none"
	SourceDisk       Source = "disk"
	SourceBootstrap  Source = "bootstrap"
	SourceController Source = "controller"
)

// Status says what is served, and what is known about the controller.
type Status struct {
	Source  Source
	Config  *pushv1.Config // not to be changed; nil when there is none
	Refused []*pushv1.Refusal

	Connected bool      // the controller has taken the session
	Since     time.Time // of the last change of Connected, or the start
	Away      error     // why there is no session; nil when Connected

	Saved     uint64 // generation on the disk, 0 when nothing was written
	SaveError error  // of the last write, nil when it went well
}

// Status says how things are now.
func (c *Client) Status() Status {
	c.mu.Lock()
	s := c.status
	c.mu.Unlock()
	s.Saved, s.SaveError = c.saver.Saved()
	s.Refused = c.options.Plane.Refusals()
	return s
}

// connected records that a session stands.
func (c *Client) connected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.Connected {
		return
	}
	c.status.Connected, c.status.Since, c.status.Away = true, time.Now(), nil
	c.options.Log.Info("connected to the controller", "controller", c.options.Controller)
}

// away records that no session stands, and why. It tells whether one stood long
// enough for the attempts before it to be forgotten.
func (c *Client) away(err error) (stood bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.status.Connected
	stood = was && time.Since(c.status.Since) >= mostPause
	if was || c.status.Away.Error() != err.Error() {
		c.options.Log.Warn("controller away; what is served stays as it is", "controller", c.options.Controller, "error", err)
	}
	if was {
		c.status.Connected, c.status.Since = false, time.Now()
	}
	c.status.Away = err
	return stood
}

// leave records that the session was ended from this side.
func (c *Client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Connected, c.status.Since, c.status.Away = false, time.Now(), errors.New("shutting down")
}
