// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package articles

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wye-dev/wye/test/kube"
)

// namerdConfig is what the demo of linkerd-tcp gives to namerd.
const namerdConfig = `
admin: {ip: 127.0.0.1, port: 0}
storage:
  kind: io.l5d.inMemory
  namespaces:
    default: |
      /cluster    => /#/io.l5d.fs ;
      /svc        => /cluster ;
      /svc/redis  => /cluster/redis1 ;
namers:
- kind: io.l5d.fs
  rootDir: DISCO
interfaces:
- kind: io.l5d.httpController
  ip: 127.0.0.1
  port: 0
`

// defaultTable is the same table as an object.
const defaultTable = `{"apiVersion": "wye.dev/v1alpha1", "kind": "Dtab", "metadata": {"name": "default"}, "spec": {"dentries": [
	{"prefix": "/cluster", "dst": "/#/io.l5d.fs"},
	{"prefix": "/svc", "dst": "/cluster"},
	{"prefix": "/svc/redis", "dst": "/cluster/redis1"}]}}`

// startNamerd starts wye-namerd. $NAMERD is its URL; $FIRST the version of a table
// that has not been changed yet, as a regular expression.
func startNamerd(bin string) start {
	return func(t *testing.T, env *testscript.Env) error {
		command := exec.CommandContext(t.Context(), filepath.Join(bin, "wye-namerd"), "-")
		command.Stdin = strings.NewReader(strings.ReplaceAll(namerdConfig, "DISCO", filepath.Join(env.WorkDir, "disco")))
		address, err := serve(env, command, "kind=io.l5d.httpController")
		env.Setenv("NAMERD", "http://"+address)
		env.Setenv("FIRST", "AAAAAAAAAAE=")
		return err
	}
}

// startController starts wye-controller, as the service account that it has in a
// cluster. Its tables are in a namespace of the script's own, $NAMESPACE, where the
// accounts editor, viewer and stranger may write, read and do nothing with them. Their
// tokens are $EDITOR, $VIEWER and $STRANGER; $NAMERD is the URL with the first of
// them, as namerctl can have it, and $HOST and $PORT are where that leads.
func startController(bin string, cluster *kube.Env, bind string, flags ...string) start {
	return func(t *testing.T, env *testscript.Env) error {
		namespace := "articles-" + strings.ToLower(rand(env))
		env.Setenv("NAMESPACE", namespace)
		if err := populate(t, env, cluster, namespace); err != nil {
			return err
		}
		kubeconfig := filepath.Join(env.WorkDir, "controller.kubeconfig")
		if err := cluster.WriteKubeconfig(t.Context(), kubeconfig, "wye-system", "wye-controller-manager"); err != nil {
			return err
		}
		command := exec.CommandContext(t.Context(), filepath.Join(bin, "wye-controller"), append([]string{
			"--kubeconfig=" + kubeconfig, "--runtime=process", "--fs-root=" + filepath.Join(env.WorkDir, "disco"),
			"--namerd-bind-address=" + bind, "--namerd-namespace=" + namespace,
			"--push-bind-address=127.0.0.1:0", "--metrics-bind-address=0", "--health-probe-bind-address=0", "--log-format=text",
		}, flags...)...)
		address, err := serve(env, command, `msg="serving namerd's interface"`)
		if err != nil {
			return err
		}
		host, port, err := net.SplitHostPort(address)
		env.Setenv("HOST", host)
		env.Setenv("PORT", port)
		env.Setenv("NAMERD", "http://namerctl:"+env.Getenv("EDITOR")+"@"+address)
		return err
	}
}

// rand is the random part of the name of a script's working directory.
func rand(env *testscript.Env) string {
	return strings.TrimPrefix(filepath.Base(filepath.Dir(env.WorkDir)), "go-test-script")
}

// populate makes a namespace, and in it a table and the accounts.
func populate(t *testing.T, env *testscript.Env, cluster *kube.Env, namespace string) error {
	kubectl := func(stdin string, args ...string) (string, error) {
		command := cluster.Kubectl(t.Context(), append(args, "--namespace="+namespace)...)
		command.Stdin = strings.NewReader(stdin)
		out, err := command.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("kubectl %s: %s", strings.Join(args, " "), exit.Stderr)
		}
		return string(out), err
	}
	if _, err := kubectl("", "create", "namespace", namespace); err != nil {
		return err
	}
	env.Defer(func() { // the next server lists the tables of every namespace
		if _, err := kubectl("", "delete", "dtabs", "--all"); err != nil {
			env.T().Fatal(err)
		}
	})
	for account, role := range map[string]string{"editor": "wye-dtab-editor-role", "viewer": "wye-dtab-viewer-role", "stranger": ""} {
		if _, err := kubectl("", "create", "serviceaccount", account); err != nil {
			return err
		}
		if role != "" {
			if _, err := kubectl("", "create", "rolebinding", account, "--clusterrole="+role, "--serviceaccount="+namespace+":"+account); err != nil {
				return err
			}
		}
		token, err := cluster.Token(t.Context(), namespace, account)
		if err != nil {
			return err
		}
		env.Setenv(strings.ToUpper(account), token)
	}
	version, err := kubectl(defaultTable, "create", "--filename=-", "--output=jsonpath={.metadata.uid}/{.metadata.generation}")
	env.Setenv("FIRST", base64.StdEncoding.EncodeToString([]byte(version)))
	return err
}

// serve starts a program, waits until it says where it serves something, and has it
// ended after the script.
func serve(env *testscript.Env, command *exec.Cmd, what string) (address string, err error) {
	if err := os.MkdirAll(filepath.Join(env.WorkDir, "disco"), 0o755); err != nil {
		return "", err
	}
	stderr, err := command.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", err
	}
	stuck := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	var log bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(stderr, &log))
	for address == "" && lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), "address="); ok && strings.Contains(lines.Text(), what) {
			address, _, _ = strings.Cut(after, " ")
		}
	}
	stuck.Stop()
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(&log, stderr)
	}()
	env.Defer(func() {
		stuck.Reset(patience)
		defer stuck.Stop()
		_ = command.Process.Signal(syscall.SIGTERM) // it may have ended, as Wait says
		<-rest
		err := command.Wait()
		before, _, _ := strings.Cut(log.String(), "Stopping and waiting") // what that cuts short is no error
		if err != nil || strings.Contains(before, "level=ERROR") {
			env.T().Fatal(fmt.Sprintf("%v\n%s", err, &log))
		}
	})
	if address == "" {
		return "", fmt.Errorf("it serves no %s:\n%s", what, &log)
	}
	return address, nil
}
