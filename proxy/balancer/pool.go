// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package balancer picks an endpoint of a pool for a new connection.
package balancer

// Pool is the endpoint set of one concrete name.
type Pool struct{}
