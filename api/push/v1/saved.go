// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pushv1

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
)

// A saved config is two lines of text and a message:
//
//	wye-config 1 <SHA-256 of everything after this line, in hex>
//	<namespace>/<name of the fleet>
//	<Config in protobuf's wire format>
//
// The number is the version of this layout; fields added to Config need no new
// one. A proxy saves its last good config like this, and starts from one that
// the controller left for it.
const savedMagic = "wye-config 1 "

// MaxConfig bounds a whole config, in bytes of protobuf's wire format: a full
// update as well as a saved one.
const MaxConfig = 64 << 20

// MaxSaved bounds a saved config, in bytes.
const MaxSaved = MaxConfig + 4096

// Ways in which a saved config cannot be trusted.
var (
	ErrNotSaved = errors.New("not a saved config of a layout known here")
	ErrChecksum = errors.New("the checksum of the saved config does not match: it is damaged or was cut short")
)

// EncodeSaved writes the config of a fleet, "NAMESPACE/NAME", as a saved config, without
// the keys in it. Equal configs give equal bytes in one version of the program.
func EncodeSaved(fleet string, config *Config) ([]byte, error) {
	message, err := proto.MarshalOptions{Deterministic: true}.Marshal(config.SavedPart())
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode config %d of fleet %s: %w", config.GetGeneration(), fleet, err)
	case len(message) > MaxConfig:
		return nil, fmt.Errorf("encode config %d of fleet %s: its %d bytes are over the limit of %d",
			config.GetGeneration(), fleet, len(message), MaxConfig)
	}
	body := append([]byte(fleet+"\n"), message...)
	sum := sha256.Sum256(body)
	return append([]byte(savedMagic+hex.EncodeToString(sum[:])+"\n"), body...), nil
}

// DecodeSaved reads a saved config, which is not trusted, and the fleet that it is for.
func DecodeSaved(data []byte) (fleet string, config *Config, err error) {
	if len(data) > MaxSaved {
		return "", nil, fmt.Errorf("a saved config over the limit of %d bytes", MaxSaved)
	}
	head, body, ok := bytes.Cut(data, []byte("\n"))
	sum, known := bytes.CutPrefix(head, []byte(savedMagic))
	if !ok || !known {
		return "", nil, ErrNotSaved
	}
	if is := sha256.Sum256(body); string(sum) != hex.EncodeToString(is[:]) {
		return "", nil, ErrChecksum
	}
	name, message, ok := bytes.Cut(body, []byte("\n"))
	if !ok {
		return "", nil, ErrNotSaved
	}
	config = &Config{}
	if err := proto.Unmarshal(message, config); err != nil {
		return "", nil, fmt.Errorf("decode the saved config of fleet %q: %w", name, err)
	}
	return string(name), config, nil
}
