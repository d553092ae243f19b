// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ProxyCounts says how far the newest form of an object has come in its fleet.
type ProxyCounts struct {
	// Running proxies that should serve the object.
	// +optional
	Total int32 `json:"total"`

	// Proxies that confirmed the newest form.
	// +optional
	Converged int32 `json:"converged"`

	// Proxies that refused the newest form.
	// +optional
	Rejected int32 `json:"rejected"`

	// Names of proxies that have not confirmed the newest form, at most five.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	// +optional
	Laggards []string `json:"laggards,omitempty"`
}

// MaxLaggards is how many laggards a status names.
const MaxLaggards = 5
