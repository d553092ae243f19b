// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Every kind has Ready, derived from the others.
const (
	// ConditionAccepted: the object is well formed and its place in the fleet
	// is granted. Dtab and TCPRoute.
	ConditionAccepted = "Accepted"
	// ConditionResolvedRefs: everything that the route names is there and its
	// destination can be bound. TCPRoute.
	ConditionResolvedRefs = "ResolvedRefs"
	// ConditionProgrammed: every proxy of the fleet serves the newest form.
	// Dtab and TCPRoute.
	ConditionProgrammed = "Programmed"
	// ConditionMigrating: connections of arms that get no new ones are being ended.
	// TCPRoute, where spec.migration has any ended.
	ConditionMigrating = "Migrating"
	// ConditionAvailable: at least one proxy of the fleet serves. ProxyFleet.
	ConditionAvailable = "Available"
	// ConditionProgressing: the fleet is moving towards its spec. ProxyFleet.
	ConditionProgressing = "Progressing"
	// ConditionDegraded: part of the fleet does not do what it should. ProxyFleet.
	ConditionDegraded = "Degraded"
	// ConditionReady sums up the others. All kinds.
	ConditionReady = "Ready"
)

// Reasons of Accepted.
const (
	// ReasonAccepted: nothing is wrong.
	ReasonAccepted = "Accepted"
	// ReasonInvalid: a text of the object does not parse; the message has the
	// place and what was expected there.
	ReasonInvalid = "Invalid"
	// ReasonNoMatchingParent: the fleet that the route names does not exist.
	ReasonNoMatchingParent = "NoMatchingParent"
	// ReasonNotAllowedByFleet: the fleet does not accept routes from this namespace.
	ReasonNotAllowedByFleet = "NotAllowedByFleet"
	// ReasonConflicted: an older route has the port, or a host name on it; the message says which.
	ReasonConflicted = "Conflicted"
)

// Reasons of ResolvedRefs.
const (
	// ReasonResolvedRefs: every name is bound.
	ReasonResolvedRefs = "ResolvedRefs"
	// ReasonDtabNotFound: the Dtab that the route names does not exist.
	ReasonDtabNotFound = "DtabNotFound"
	// ReasonDtabInvalid: the Dtab that the route names has a mistake.
	ReasonDtabInvalid = "DtabInvalid"
	// ReasonBackendNotFound: the name is bound to nothing: no rule, or no such
	// Service, port, file or host.
	ReasonBackendNotFound = "BackendNotFound"
	// ReasonLoop: the rules lead from the name to itself, or too deep.
	ReasonLoop = "Loop"
	// ReasonTooManySteps: binding the name costs more steps than allowed.
	ReasonTooManySteps = "TooManySteps"
	// ReasonFails: the rules end in an explicit failure (!).
	ReasonFails = "Fails"
	// ReasonInvalidCertificateRef: a Secret or ConfigMap with certificates or a key is not
	// there, cannot be read or cannot be used; the message says which and why.
	ReasonInvalidCertificateRef = "InvalidCertificateRef"
	// ReasonNamerError: service discovery answered with an error.
	ReasonNamerError = "NamerError"
	// ReasonPending: an answer is still awaited (also of Programmed, Ready).
	ReasonPending = "Pending"
)

// Reasons of Programmed.
const (
	// ReasonProgrammed: every proxy serves the newest form.
	ReasonProgrammed = "Programmed"
	// ReasonNoProxies: the fleet has no running proxy.
	ReasonNoProxies = "NoProxies"
	// ReasonRefused: a proxy refused the route; the message says which and why.
	ReasonRefused = "Refused"
	// ReasonPortUnavailable: the port cannot be opened on a proxy.
	ReasonPortUnavailable = "PortUnavailable"
	// ReasonLastGoodForm: the newest form cannot be used, so the proxies keep
	// serving the last good one.
	ReasonLastGoodForm = "LastGoodForm"
	// ReasonNotPublished: nothing of the object is served.
	ReasonNotPublished = "NotPublished"
	// ReasonNotUsed: no route uses the Dtab, so there is nothing to program.
	ReasonNotUsed = "NotUsed"
)

// Reasons of Migrating.
const (
	// ReasonMigrating: connections are left that are to be ended.
	ReasonMigrating = "Migrating"
	// ReasonMigrated: no connection is left that is to be ended.
	ReasonMigrated = "Migrated"
)

// Reasons of Ready, Available, Progressing and Degraded.
const (
	// ReasonReady: the object does its work.
	ReasonReady = "Ready"
	// ReasonNoReplicas: an arm that should get traffic has no ready endpoint.
	ReasonNoReplicas = "NoReplicas"
	// ReasonNoWeight: all weights are zero, so that connections have nowhere to go.
	ReasonNoWeight = "NoWeight"
	// ReasonAvailable: the wanted number of proxies serves.
	ReasonAvailable = "Available"
	// ReasonUnavailable: no proxy serves.
	ReasonUnavailable = "Unavailable"
	// ReasonComplete: the fleet is what its spec asks for.
	ReasonComplete = "Complete"
	// ReasonRollingOut: proxies are being started, replaced or stopped.
	ReasonRollingOut = "RollingOut"
	// ReasonNotDegraded: nothing is wrong.
	ReasonNotDegraded = "NotDegraded"
	// ReasonProxiesLagging: proxies have not confirmed the newest config.
	ReasonProxiesLagging = "ProxiesLagging"
	// ReasonResourcesRefused: proxies refused part of the config.
	ReasonResourcesRefused = "ResourcesRefused"
	// ReasonRuntimeError: the fleet's Deployment or processes cannot be made.
	ReasonRuntimeError = "RuntimeError"
)
