// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// savedName is the file of the last good config in Options.StateDir.
const savedName = "config.wye"

// Restore puts the newest saved config into service, if there is one. A file
// that cannot be used is reported in the log and passed over.
func (c *Client) Restore() {
	disk := c.load(c.savedFile(), SourceDisk)
	bootstrap := c.load(c.options.Bootstrap, SourceBootstrap)
	switch {
	case disk == nil && bootstrap == nil:
		c.options.Log.Info("no saved config; waiting for the controller")
	case disk == nil || bootstrap.GetGeneration() > disk.GetGeneration():
		c.restore(bootstrap, SourceBootstrap)
	default:
		c.restore(disk, SourceDisk)
	}
}

// restore serves a config that was saved.
func (c *Client) restore(config *pushv1.Config, source Source) {
	c.state = state{config: config}
	c.good = config
	c.install(config, source)
}

// load reads a saved config, nil when there is none that can be used. One without
// a listener is none: a proxy that was ready with it, because its fleet was saved
// before it had routes, would refuse connections until it hears from the controller.
func (c *Client) load(file string, source Source) *pushv1.Config {
	if file == "" {
		return nil
	}
	config, err := load(file, c.fleet())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		c.options.Log.Warn("saved config not used", "source", string(source), "error", err)
		return nil
	case len(config.GetListeners()) == 0:
		return nil
	}
	return config
}

// write saves config as the last good one.
func (c *Client) write(config *pushv1.Config) error {
	data, err := pushv1.EncodeSaved(c.fleet(), config)
	if err != nil {
		return err
	}
	if err := writeFile(c.savedFile(), data); err != nil {
		return fmt.Errorf("save config: %w", err)
	}
	return nil
}

// savedFile is where the last good config is kept, empty when it is not.
func (c *Client) savedFile() string {
	if c.options.StateDir == "" {
		return ""
	}
	return filepath.Join(c.options.StateDir, savedName)
}
