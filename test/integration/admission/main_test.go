// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admission tests what becomes of texts that do not parse, on a real API
// server with everything in config/default: they are refused by the webhook while
// it is there, and told of in the status when it was not.
package admission

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers"
)

// bindVariable makes this program the operator, with admission on that address,
// so that a test can start one and stop it.
const bindVariable = "WYE_TEST_WEBHOOK_BIND_ADDRESS"

// account is who the operator is in the cluster: it may do what config/rbac says.
const account = "system:serviceaccount:wye-system:wye-controller-manager"

func TestMain(m *testing.M) {
	bind := os.Getenv(bindVariable)
	if bind == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := operate(ctx, bind); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// operate runs the operator on the API server of KUBECONFIG.
func operate(ctx context.Context, bind string) error {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil)))
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(clientcmd.RecommendedConfigPathEnvVar))
	if err != nil {
		return err
	}
	config.Impersonate.UserName = account
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Cache:   controllers.CacheOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	err = controllers.Setup(ctx, mgr, controllers.Options{
		Namespace: "wye-system", Runtime: controllers.RuntimeDeployment, ProxyImage: "none",
		PushBindAddress: "127.0.0.1:0", PushAddress: "127.0.0.1:4190",
		WebhookBindAddress: bind,
	})
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}
