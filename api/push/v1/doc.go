// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pushv1 is the wire between controller and proxies: one gRPC stream
// per proxy over which whole-state config flows down as differences and
// acknowledgements flow up, and the form in which a config is kept in a file.
// push.proto and saved.go are the contract; the rest is generated.
package pushv1
