// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// TokenLife is how long a proxy's token for config push is valid. Its audience
// is ControllerName, and it is renewed after four fifths of its life.
const TokenLife = time.Hour

// ErrNoCA says that a fleet cannot be made yet: the controller makes its CA when
// it starts.
var ErrNoCA = errors.New("the config push service has no CA yet")

// ServiceAccount is who a fleet's proxies are to the config push service. They
// ask the Kubernetes API for nothing, so they get no token for it.
func ServiceAccount(f *v1alpha1.ProxyFleet) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   Meta(f),
		AutomountServiceAccountToken: new(false),
	}
}
