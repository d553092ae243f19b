// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// Reason is why a handshake with a client failed. Its printed form is a metric label.
type Reason uint8

// The reasons.
const (
	// OtherReason: none of the others.
	OtherReason Reason = iota
	// NoCertificate: the client has none, and one is required.
	NoCertificate
	// BadCertificate: nobody who is trusted signed the client's, it has expired, or it is
	// for none of the names that are let in.
	BadCertificate
	// NoVersion: the client speaks no version that is spoken here.
	NoVersion
	// NoCipher: there is no cipher or key exchange that both have.
	NoCipher
	// NoProtocol: the client speaks none of the application protocols (ALPN).
	NoProtocol
	// NoIdentity: there is no certificate for the name that the client asks for.
	NoIdentity
	// ClientRefused: the client did not like what it was shown, and said so.
	ClientRefused
	// NotTLS: what the client sent is no TLS.
	NotTLS
	// TooLate: the client took too long.
	TooLate
	// ClientLeft: the client closed the connection.
	ClientLeft

	// Reasons is their number.
	Reasons
)

// String is the reason's label, in snake case.
func (r Reason) String() string {
	return [Reasons]string{
		"other", "no_certificate", "bad_certificate", "no_version", "no_cipher", "no_protocol", "no_identity",
		"client_refused", "not_tls", "too_late", "client_left",
	}[r]
}

// ReasonOf tells why a handshake failed. For some of its errors crypto/tls has no more
// than a text; our tests hold the texts against handshakes.
func ReasonOf(err error) Reason {
	var (
		unverified *tls.CertificateVerificationError
		header     tls.RecordHeaderError
		op         *net.OpError
		timeout    net.Error
	)
	switch {
	case err == nil:
		return OtherReason
	case errors.As(err, &unverified) || errors.Is(err, errClientName):
		return BadCertificate
	case errors.As(err, &header):
		return NotTLS
	case errors.As(err, &op) && op.Op == "remote error":
		return ClientRefused
	case errors.As(err, &timeout) && timeout.Timeout():
		return TooLate
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return ClientLeft
	}
	for _, known := range []struct {
		text   string
		reason Reason
	}{
		{"didn't provide a certificate", NoCertificate},
		{"bad certificate", BadCertificate},
		{"unsupported versions", NoVersion},
		{"no cipher suite", NoCipher},
		{"no key exchange", NoCipher},
		{"unsupported application protocols", NoProtocol},
		{"no certificates configured", NoIdentity},
	} {
		if strings.Contains(err.Error(), known.text) {
			return known.reason
		}
	}
	return OtherReason
}
