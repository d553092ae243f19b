// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"testing"
	"time"
)

// updating is a client in TLS 1.3 that writes its records itself: crypto/tls never asks
// for other keys (KeyUpdate), though others do.
type updating struct {
	t      *testing.T
	tcp    *net.TCPConn
	tls    *tls.Conn // for reading
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	number uint64 // of the next record
}

func (s *secured) connectUpdating() (*updating, *net.TCPConn) {
	s.t.Helper()
	var secrets bytes.Buffer
	config := s.config.Clone()
	config.KeyLogWriter, config.MinVersion = &secrets, tls.VersionTLS13
	u := &updating{t: s.t, tcp: s.dial()}
	_ = u.tcp.SetReadBuffer(4 << 10)
	u.tls = tls.Client(u.tcp, config)
	if err := u.tls.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	if suite := u.tls.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		s.t.Fatalf("the cipher suite is %s, which this client does not know", tls.CipherSuiteName(suite))
	}
	for line := range bytes.Lines(secrets.Bytes()) {
		if fields := bytes.Fields(line); string(fields[0]) == "CLIENT_TRAFFIC_SECRET_0" {
			u.secret, _ = hex.DecodeString(string(fields[2]))
		}
	}
	u.rekey()
	return u, s.accepted()
}

// expand is HKDF-Expand-Label of RFC 8446, with an empty context.
func (u *updating) expand(label string, size int) []byte {
	u.t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label+"\x00"...)
	key, err := hkdf.Expand(sha256.New, u.secret, string(info), size)
	if err != nil {
		u.t.Fatal(err)
	}
	return key
}

func (u *updating) rekey() {
	u.t.Helper()
	block, err := aes.NewCipher(u.expand("key", 16))
	if err != nil {
		u.t.Fatal(err)
	}
	if u.aead, err = cipher.NewGCM(block); err != nil {
		u.t.Fatal(err)
	}
	u.iv, u.number = u.expand("iv", 12), 0
}

const (
	handshakeRecord = 22
	dataRecord      = 23
)

// seal puts content into a record, and appends that to b.
func (u *updating) seal(b []byte, kind byte, content string) []byte {
	inner := append([]byte(content), kind)
	header := []byte{dataRecord, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(inner)+u.aead.Overhead()))
	nonce := bytes.Clone(u.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^u.number)
	u.number++
	return u.aead.Seal(append(b, header...), nonce, inner, header)
}

// askForKeys has other keys from here on, wants the same of the other side, and
// appends that to b.
func (u *updating) askForKeys(b []byte) []byte {
	u.t.Helper()
	const keyUpdate, requested = "\x18\x00\x00\x01", "\x01"
	b = u.seal(b, handshakeRecord, keyUpdate+requested)
	u.secret = u.expand("traffic upd", len(u.secret))
	u.rekey()
	return b
}

// Each request for other keys has an answer, and a client need not read any. It may
// come to nothing, or be kept waiting; others have nothing to do with it.
func TestAClientThatAsksForKeysAndReadsNoneHarmsNobody(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		client, backend := s.connectUpdating()
		go func() { _, _ = io.Copy(io.Discard, backend) }()
		for range 4000 {
			var flood []byte
			for range 64 {
				for range 12 { // of more in a row without payload crypto/tls has enough
					flood = client.askForKeys(flood)
				}
				flood = client.seal(flood, dataRecord, "x")
			}
			_ = client.tcp.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := client.tcp.Write(flood); err != nil {
				break // it is ended, or has to read first
			}
		}
		client.tcp.Close()
		other, behind := s.connect()
		exchange(t, 1<<10, other, behind)
	})
}
