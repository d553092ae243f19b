// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Splitting says how connections are split among arms.
// +kubebuilder:validation:Enum=Exact;Sticky
type Splitting string

const (
	// SplittingExact deals connections out: after any number of them each arm is within
	// one of its share, on each proxy.
	SplittingExact Splitting = "Exact"
	// SplittingSticky goes by the client's address: the same client gets the same arm.
	SplittingSticky Splitting = "Sticky"
)

// Migration ends established connections of arms that get no new ones: whose weight
// is 0, or that the route does not have any more.
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Rate' || has(self.perSecond)",message="mode Rate needs perSecond, such as 10"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Deadline' || has(self.deadline)",message="mode Deadline needs deadline, such as 10m"
// +kubebuilder:validation:XValidation:rule="has(self.mode) && self.mode == 'Rate' || !has(self.perSecond)",message="perSecond goes with mode Rate only"
// +kubebuilder:validation:XValidation:rule="has(self.mode) && self.mode != 'Keep' || !has(self.deadline) && !has(self.idleFirst)",message="deadline and idleFirst go with mode Rate or Deadline"
type Migration struct {
	// Keep ends nothing; Rate ends at most perSecond connections a second; Deadline
	// ends all of an arm until the deadline, spread over the time. Keep when not set.
	// +optional
	Mode MigrationMode `json:"mode,omitempty"`

	// Connections of the route ended per second by the whole fleet at most, from 0.001
	// to 100000; 500m, or "0.5", is one every two seconds. Each proxy has an equal part of it.
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) >= 1 && int(self) <= 100000 : isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('1m')) >= 0 && quantity(string(self)).compareTo(quantity('100k')) <= 0",message="perSecond must be a number from 0.001 to 100000, such as 10 or 500m"
	// +optional
	PerSecond *resource.Quantity `json:"perSecond,omitempty"`

	// Connections that have been quiet longest end first. false when not set: in no
	// order.
	// +optional
	IdleFirst *bool `json:"idleFirst,omitempty"`

	// Time after which all connections of an arm have ended, since it lost its share,
	// 1s to 8760h. With Rate, what is left then is ended at once. None when not set.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('8760h')",message="deadline must be a duration from 1s to 8760h, such as 10m or 24h"
	// +optional
	Deadline *metav1.Duration `json:"deadline,omitempty"`
}

// MigrationMode says which bound a migration has.
// +kubebuilder:validation:Enum=Keep;Deadline;Rate
type MigrationMode string

const (
	// MigrationKeep ends no connection.
	MigrationKeep MigrationMode = "Keep"
	// MigrationDeadline ends all of an arm until a deadline.
	MigrationDeadline MigrationMode = "Deadline"
	// MigrationRate ends so many per second.
	MigrationRate MigrationMode = "Rate"
)

// Ends tells whether a migration, which may be nil, ends connections.
func (m *Migration) Ends() bool {
	return m != nil && (m.Mode == MigrationDeadline || m.Mode == MigrationRate)
}
