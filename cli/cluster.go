// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// fieldOwner is who wrote what this program writes.
const fieldOwner = "kubectl-wye"

// cluster is the API server that kubectl would speak to.
type cluster struct {
	client.WithWatch
	namespace string       // that the user works in
	config    *rest.Config // by which it is reached
}

// connect prepares to speak to the cluster; it does not do so yet.
func (p *program) connect() (cluster, error) {
	loader := p.kube.ToRawKubeConfigLoader()
	if err := p.configured(); err != nil {
		return cluster{}, err
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return cluster{}, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config, err := p.kube.ToRESTConfig()
	if err != nil {
		return cluster{}, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 300 // as kubectl
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return cluster{}, err
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return cluster{}, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return cluster{WithWatch: c, namespace: namespace, config: config}, nil
}

// configured finds out whether any cluster is configured: without one, kubectl
// would try localhost:8080, which puzzles people.
func (p *program) configured() error {
	config, err := p.kube.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	if len(config.Clusters) > 0 || *p.kube.APIServer != "" {
		return nil
	}
	if _, err := rest.InClusterConfig(); err == nil {
		return nil
	}
	return errors.New("no cluster is configured: set --kubeconfig or KUBECONFIG")
}

// kubeFlagNames are the names of the flags that a ConfigFlags adds.
func kubeFlagNames(kube *genericclioptions.ConfigFlags) []string {
	var names []string
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	kube.AddFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
