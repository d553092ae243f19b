// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// parseName reads DTAB, of the namespace that is home, or NAMESPACE/DTAB.
func parseName(text, home string) (types.NamespacedName, error) {
	namespace, name, two := strings.Cut(text, "/")
	if !two {
		namespace, name = home, text
	}
	if wrong := validation.IsDNS1123Label(namespace); len(wrong) > 0 {
		return types.NamespacedName{}, fmt.Errorf("%q cannot be a namespace of Kubernetes: %s", namespace, wrong[0])
	}
	if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return types.NamespacedName{}, fmt.Errorf("%q cannot be the name of an object of Kubernetes: %s", name, wrong[0])
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// formatName is the shortest name of a Dtab.
func formatName(key types.NamespacedName, home string) string {
	if key.Namespace == home {
		return key.Name
	}
	return key.Namespace + "/" + key.Name
}
