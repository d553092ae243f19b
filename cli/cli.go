// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli is the program kubectl-wye: tables as namerctl shows them, what
// becomes of a name and why, what a change would do, and traffic moved from one
// arm to another. It reads and writes the Kubernetes API with the user's own
// permissions, or speaks to a namerd, or needs neither and works on files. It
// evaluates names with the operator's own evaluator.
package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Environment is what the program has around it.
type Environment struct {
	genericiooptions.IOStreams
	Getenv  func(name string) string
	Dir     string // where settings files are looked for first
	Version string
}

// program is one run.
type program struct {
	Environment
	kube *genericclioptions.ConfigFlags
	dtab dtabFlags
}

// Run is the program. The result is its exit status: 0 for success, 1 for failure.
// diff and lint give 1 for what they found and 2 for failure; the dtab commands
// give 255 for failure, as namerctl does, when they speak to a namerd.
func Run(ctx context.Context, env Environment, args []string) int {
	kube := genericclioptions.NewConfigFlags(true).WithWarningPrinter(env.IOStreams)
	p := &program{Environment: env, kube: kube}
	root := p.rootCommand()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if p.isNamerctl(command) {
		return p.failAsNamerctl(command, err)
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	fmt.Fprintf(p.ErrOut, "error: %v\n", err)
	if isUsage(err) {
		fmt.Fprintf(p.ErrOut, "See '%s --help' for help and examples.\n", command.CommandPath())
	}
	if command.Annotations[statusOfFailure] != "" {
		return 2
	}
	return 1
}

// exitStatus is an error that has been told already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// statusOfFailure is the annotation of commands whose status 1 is an answer, so
// that failures are told by status 2.
const statusOfFailure = "wye.dev/answers"

// usageError is a mistake in the arguments.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func isUsage(err error) bool { return errors.As(err, &usageError{}) }

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-wye",
		Short: "Steer the TCP traffic of Wye's proxies",
		Long: `Steer the TCP traffic of Wye's proxies.

kubectl wye works on the cluster that kubectl works on. explain, diff, lint and
import work on files as well, with no cluster; dtab speaks to a namerd
when it is told of one (kubectl wye dtab --help).`,
		Example: `  # Where do connections to /svc/redis go, and by which rules?
  kubectl wye explain dtab/default /svc/redis

  # What would this file change? (exit status 1: something)
  kubectl wye diff -f default.yaml

  # One connection in ten to redis2, and wait until every proxy does so
  kubectl wye shift tcproute/redis redis1=90 redis2=10`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl wye"},
		Version:       p.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.ErrOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	p.addKubeFlags(root)
	root.AddCommand(
		p.explainCommand(), p.diffCommand(), p.lintCommand(), p.importCommand(),
		p.statusCommand(), p.shiftCommand(), p.dtabCommand(),
	)
	return root
}

// addKubeFlags adds kubectl's global flags. Help shows those that matter every day.
func (p *program) addKubeFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	p.kube.AddFlags(flags)
	shown := map[string]bool{"namespace": true, "context": true, "kubeconfig": true}
	for _, name := range kubeFlagNames(p.kube) {
		if !shown[name] {
			// The name is one of those that were just added.
			_ = flags.MarkHidden(name)
		}
	}
}
