// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// Labels of what belongs to a fleet.
const (
	// LabelFleet names the fleet on everything that belongs to it. A name too
	// long for a label is shortened there and stands whole in the annotation of
	// the same key: Of reads both.
	LabelFleet = "wye.dev/fleet"
	// LabelManagedBy is ControllerName on everything that the controller makes.
	LabelManagedBy = "app.kubernetes.io/managed-by"

	labelName      = "app.kubernetes.io/name"
	labelInstance  = "app.kubernetes.io/instance"
	labelComponent = "app.kubernetes.io/component"
)

// ControllerName is the controller's name: as a field manager, as the audience
// of the proxies' tokens, and in the certificate of the config push service.
const ControllerName = "wye-controller"

// maxLabel is the longest DNS label and the longest label value, in bytes.
const maxLabel = 63

// Name is the name of everything that is made for a fleet, the ServiceAccount
// that its proxies run as among them: "wye-" and the fleet's name. Service names
// are DNS labels, so a dot becomes a dash; a name that this changes, or that is
// longer than 63 bytes, ends in a hash and stays unique.
func Name(fleet string) string {
	plain := "wye-" + fleet
	label := strings.ReplaceAll(plain, ".", "-")
	if label == plain && len(label) <= maxLabel {
		return label
	}
	return hashed(label, fleet)
}

// ConfigName is the name of the ConfigMap with a fleet's saved config. Name has
// no dots, so that it is not the Name of another fleet.
func ConfigName(fleet string) string { return Name(fleet) + ".config" }

// Labels are those of everything that belongs to a fleet.
func Labels(fleet string) map[string]string {
	value := labelValue(fleet)
	return map[string]string{
		labelName:      "wye-proxy",
		labelInstance:  value,
		LabelManagedBy: ControllerName,
		labelComponent: "proxy",
		LabelFleet:     value,
	}
}

// Annotations hold a fleet's name where Labels cannot; nil where they can.
func Annotations(fleet string) map[string]string {
	if labelValue(fleet) == fleet {
		return nil
	}
	return map[string]string{LabelFleet: fleet}
}

// Meta is the metadata of what is made for a fleet.
func Meta(f *v1alpha1.ProxyFleet) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   f.Namespace,
		Name:        Name(f.Name),
		Labels:      Labels(f.Name),
		Annotations: Annotations(f.Name),
	}
}

// Selector chooses the pods of a fleet. It must never change: a Deployment's
// selector cannot.
func Selector(fleet string) map[string]string {
	all := Labels(fleet)
	return map[string]string{labelName: all[labelName], labelInstance: all[labelInstance]}
}

// Of tells which fleet an object was made for; false for any other object.
func Of(o client.Object) (types.NamespacedName, bool) {
	name := o.GetAnnotations()[LabelFleet]
	if name == "" {
		name = o.GetLabels()[LabelFleet]
	}
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: name}, name != ""
}

func labelValue(fleet string) string {
	if len(fleet) <= maxLabel {
		return fleet
	}
	return hashed(fleet, fleet)
}

// hashed cuts a text to the length of a label, with a hash of key at its end.
func hashed(text, key string) string {
	sum := sha256.Sum256([]byte(key))
	suffix := hex.EncodeToString(sum[:4])
	if room := maxLabel - 1 - len(suffix); len(text) > room {
		text = text[:room]
	}
	return strings.TrimRight(text, "-.") + "-" + suffix
}
