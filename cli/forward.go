// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// forward is a loopback port of this machine that leads to one of a pod.
type forward struct {
	base  string // URL of the port here
	close func()
}

// openForward opens one, by the user's permission on pods/portforward. It stays
// until it is closed or breaks.
func openForward(ctx context.Context, config *rest.Config, namespace, pod string, port int) (*forward, error) {
	dialer, err := dialPod(config, namespace, pod)
	if err != nil {
		return nil, err
	}
	// What goes wrong later shows in what is asked by it, and needs no log.
	open, stop := context.WithCancel(logr.NewContext(context.WithoutCancel(ctx), logr.Discard()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(open, dialer, []string{"127.0.0.1"},
		[]string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		stop()
		return nil, err
	}
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		stop()
		if err == nil {
			err = errors.New("the forwarding ended at once")
		}
		return nil, err
	case <-ctx.Done():
		stop()
		return nil, ctx.Err()
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		stop()
		return nil, err
	}
	return &forward{base: fmt.Sprintf("http://127.0.0.1:%d", ports[0].Local), close: stop}, nil
}

// dialPod reaches a pod as kubectl does: by WebSocket, or else by SPDY, which older
// API servers want, and which says best why something is not permitted.
func dialPod(config *rest.Config, namespace, pod string) (httpstream.Dialer, error) {
	core := rest.CopyConfig(config)
	core.APIPath, core.GroupVersion = "/api", &corev1.SchemeGroupVersion
	core.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientFor(core)
	if err != nil {
		return nil, err
	}
	target := client.Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	first, err := portforward.NewSPDYOverWebsocketDialerForStreaming(target, config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	second := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	return portforward.NewFallbackDialerForStreaming(first, second, func(error) bool { return true }), nil
}
