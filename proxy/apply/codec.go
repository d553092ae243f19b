// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// A saved config is two lines of text and a message:
//
//	wye-config 1 <SHA-256 of everything after this line, in hex>
//	<namespace>/<name of the fleet>
//	<pushv1.Config in protobuf's wire format>
//
// The number is the version of this layout. Added fields of Config need no new one.
const (
	fileMagic = "wye-config 1 "
	// maxFile bounds a saved config: what one update may carry, and the two lines.
	maxFile = maxUpdate + 4096
)

var (
	errNotConfig = errors.New("not a saved config of a version known here")
	errChecksum  = errors.New("the checksum does not match: the file is damaged or was cut short")
)

// Encode writes the config of a fleet, "NAMESPACE/NAME", in the form of a saved config.
func Encode(fleet string, config *pushv1.Config) ([]byte, error) {
	message, err := proto.MarshalOptions{Deterministic: true}.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode config %d: %w", config.GetGeneration(), err)
	}
	body := append([]byte(fleet+"\n"), message...)
	sum := sha256.Sum256(body)
	head := fileMagic + hex.EncodeToString(sum[:]) + "\n"
	if len(head)+len(body) > maxFile {
		return nil, fmt.Errorf("encode config %d: its %d bytes are over the limit of %d", config.GetGeneration(), len(message), maxUpdate)
	}
	return append([]byte(head), body...), nil
}

// Decode reads a saved config and the fleet that it is for. Data is not trusted.
func Decode(data []byte) (fleet string, config *pushv1.Config, err error) {
	if len(data) > maxFile {
		return "", nil, fmt.Errorf("over the limit of %d bytes", maxFile)
	}
	head, body, ok := bytes.Cut(data, []byte("\n"))
	sum, known := bytes.CutPrefix(head, []byte(fileMagic))
	if !ok || !known {
		return "", nil, errNotConfig
	}
	if is := sha256.Sum256(body); string(sum) != hex.EncodeToString(is[:]) {
		return "", nil, errChecksum
	}
	name, message, ok := bytes.Cut(body, []byte("\n"))
	if !ok {
		return "", nil, errNotConfig
	}
	config = &pushv1.Config{}
	if err := proto.Unmarshal(message, config); err != nil {
		return "", nil, fmt.Errorf("decode config: %w", err)
	}
	return string(name), config, nil
}
