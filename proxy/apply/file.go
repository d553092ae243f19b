// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// fileMode is that of a saved config. It holds no keys, but it is nobody else's business.
const fileMode = 0o600

// load reads the saved config of a fleet. The error is fs.ErrNotExist when there is none.
func load(file, fleet string) (*pushv1.Config, error) {
	data, err := readFile(file, pushv1.MaxSaved)
	if err != nil {
		return nil, err
	}
	whose, config, err := pushv1.DecodeSaved(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if whose != fleet {
		return nil, fmt.Errorf("read %s: it is the config of fleet %q, not of %q", file, whose, fleet)
	}
	return config, nil
}

// readFile reads a file of at most limit bytes.
func readFile(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("read %s: over the limit of %d bytes", file, limit)
	}
	return data, nil
}

// writeFile puts data at file so that, whatever happens meanwhile, file is
// either as it was or all of data. Two writers at once may spoil the file; the
// checksum tells.
func writeFile(file string, data []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary := file + ".new"
	if err := writeSynced(temporary, data); err != nil {
		return err
	}
	if err := os.Rename(temporary, file); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeSynced returns once data is on the disk.
func writeSynced(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(fileMode), f.Sync(), f.Close())
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
