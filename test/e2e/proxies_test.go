//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pods are those with a label that are not on their way out.
func (w *world) pods(t *testing.T, in, label, value string) []corev1.Pod {
	t.Helper()
	return slices.DeleteFunc(w.podsAndGoing(t, in, label, value), func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// podsAndGoing are those with a label, also those on their way out.
func (w *world) podsAndGoing(t *testing.T, in, label, value string) []corev1.Pod {
	t.Helper()
	var list corev1.PodList
	must(t, w.client.List(t.Context(), &list, client.InNamespace(in), client.MatchingLabels{label: value}))
	return list.Items
}

func (w *world) proxyPods(t *testing.T) []corev1.Pod {
	t.Helper()
	return w.pods(t, namespace, "app.kubernetes.io/name", "wye-proxy")
}

func (w *world) controllerPods(t *testing.T) []corev1.Pod {
	t.Helper()
	return w.pods(t, system, "app.kubernetes.io/name", "wye-controller")
}

func ready(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// redis connects straight to a Redis that runs once.
func (w *world) redis(t *testing.T, name string) *redis.Client {
	t.Helper()
	pods := w.pods(t, namespace, "app", name)
	if len(pods) != 1 {
		t.Fatalf("%d pods of %s, want one", len(pods), name)
	}
	c := direct(pods[0])
	t.Cleanup(func() { c.Close() })
	return c
}

// direct makes a client of a Redis, which does not go through the proxies. The caller closes it.
func direct(pod corev1.Pod) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: net.JoinHostPort(pod.Status.PodIP, "6379"), Protocol: 2, DisableIdentity: true})
}

// proxyState is what a proxy says of itself.
type proxyState struct {
	Source     string `json:"source"`
	Generation uint64 `json:"generation"`
	Controller struct {
		Connected bool      `json:"connected"`
		Since     time.Time `json:"since"`
		Error     string    `json:"error"`
	} `json:"controller"`
}

func (w *world) proxyState(t *testing.T, pod corev1.Pod) (s proxyState, err error) {
	t.Helper()
	text, err := ask(t, pod, "/config")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// armOfRedis1 is the name of the arm that stands for it.
func armOfRedis1() string { return "/#/io.l5d.k8s/" + namespace + "/redis/redis1" }

// available is the number of endpoints that a proxy has for an arm; -1 if it
// does not say.
func (w *world) available(t *testing.T, pod corev1.Pod, arm string) int {
	t.Helper()
	return metric(t, pod, `wye_proxy_endpoints\{arm="`+arm+`",.*state="available"\}`)
}

// accepted is the number of connections that a proxy gave to an arm; -1 if it does not say.
func (w *world) accepted(t *testing.T, pod corev1.Pod, arm string) int {
	t.Helper()
	return metric(t, pod, `wye_proxy_connections_accepted_total\{arm="`+arm+`",.*\}`)
}

func metric(t *testing.T, pod corev1.Pod, pattern string) int {
	t.Helper()
	text, err := ask(t, pod, "/metrics")
	if err != nil {
		return -1
	}
	found := regexp.MustCompile(`(?m)^` + pattern + ` (\d+)$`).FindStringSubmatch(text)
	if found == nil {
		return -1
	}
	n, err := strconv.Atoi(found[1])
	must(t, err)
	return n
}

// ask asks a proxy's admin port.
func ask(t *testing.T, pod corev1.Pod, path string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(pod.Status.PodIP, "9990")+path, nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	return string(text), err
}
