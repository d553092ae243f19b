// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Token makes a token of a service account, good for a day.
func (e *Env) Token(ctx context.Context, namespace, account string) (string, error) {
	out, err := e.Kubectl(ctx, "create", "token", "--namespace="+namespace, account, "--duration=24h").Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("make a token of %s/%s: %s", namespace, account, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// WriteKubeconfig writes a kubeconfig of a service account: who uses it has the
// account's permissions and no more.
func (e *Env) WriteKubeconfig(ctx context.Context, file, namespace, account string) error {
	token, err := e.Token(ctx, namespace, account)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{
			"server": e.Config.Host, "certificate-authority-data": e.Config.CAData,
		}}},
		"users":    []any{map[string]any{"name": "test", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": "test"}}},
	})
	if err != nil {
		return fmt.Errorf("write the kubeconfig of %s/%s: %w", namespace, account, err)
	}
	return os.WriteFile(file, config, 0o600)
}
