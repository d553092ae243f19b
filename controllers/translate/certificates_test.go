// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestNoSecretFillsTheConfigOfAFleet(t *testing.T) {
	for key, most := range map[string]int{KeyCertificate: maxChain, KeyPrivate: maxKey} {
		m := &Material{
			Type: string(corev1.SecretTypeTLS),
			Data: map[string][]byte{KeyCertificate: []byte("c"), KeyPrivate: []byte("k")},
		}
		m.Data[key] = bytes.Repeat([]byte("\n"), most+1)
		if _, err := m.identity(); err == nil || !strings.Contains(err.Error(), key+" has ") {
			t.Errorf("%d bytes under %s: %v", most+1, key, err)
		}
	}
}
