// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

// maxConfig is the largest config that is saved, in bytes. A ConfigMap holds 1
// MiB, with what is around it.
const maxConfig = 900 << 10

// SaveConfig keeps a fleet's newest config where a new pod finds it when the
// controller is away. A config that is too large is not kept, and neither is the
// one before it: endpoints of long ago may be somebody else's by now. Then a new
// pod waits for the controller.
//
// A ConfigMap is no place for private keys, so data must have none. The same
// data again costs nothing; callers hold back changes that follow each other
// closely.
func (r *Runtime) SaveConfig(ctx context.Context, f *v1alpha1.ProxyFleet, data []byte) error {
	saved := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: fleet.Meta(f),
	}
	saved.Name = fleet.ConfigName(f.Name)
	if len(data) > maxConfig {
		r.log.Info("config not saved for new pods: larger than a ConfigMap holds",
			"fleet", f.Namespace+"/"+f.Name, "bytes", len(data), "limit", maxConfig)
		return r.writer.Remove(ctx, f, saved)
	}
	saved.BinaryData = map[string][]byte{configKey: data}
	return r.writer.Apply(ctx, f, saved)
}
