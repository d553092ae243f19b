// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package socket

import "errors"

// SetCongestionControl is not known here: errors.ErrUnsupported.
func SetCongestionControl(int, string) error { return errors.ErrUnsupported }

// CongestionControl is not known here: errors.ErrUnsupported.
func CongestionControl(int) (string, error) { return "", errors.ErrUnsupported }

// DefaultCongestionControl is not known here: errors.ErrUnsupported.
func DefaultCongestionControl() (string, error) { return "", errors.ErrUnsupported }

// TryCongestionControl tells that sockets cannot have it: errors.ErrUnsupported.
func TryCongestionControl(string) error { return errors.ErrUnsupported }
