// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/cli/tables"
)

// manifest is a Dtab as one writes it: without a status.
type manifest struct {
	APIVersion string       `yaml:"apiVersion"`
	Kind       string       `yaml:"kind"`
	Metadata   manifestMeta `yaml:"metadata"`
	Spec       manifestSpec `yaml:"spec"`
}

type manifestMeta struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace,omitempty"`
	Labels    map[string]string `yaml:"labels,omitempty"`
}

type manifestSpec struct {
	Dentries []manifestRule `yaml:"dentries,omitempty"`
}

type manifestRule struct {
	Prefix string `yaml:"prefix"`
	Dst    string `yaml:"dst"`
}

func (p *program) importCommand() *cobra.Command {
	var files []string
	var name string
	c := &cobra.Command{
		Use:   "import -f FILE [--name NAME]",
		Short: "Turn namerd's tables into Dtabs",
		Long: `Turn namerd's tables into Dtabs, in YAML on the standard output: DTab objects of
l5d.io (the storage io.l5d.k8s), the texts of other storages, and what namerctl
dtab get prints, with or without --json. Texts say nothing of their name, so they need
--name. Rules stay as they are written. Nothing is sent to a cluster.`,
		Example: `  # From the cluster where namerd keeps its tables, to here
  kubectl get dtabs.l5d.io -o yaml | kubectl wye import -f - | kubectl apply -f -

  # From a namerd
  namerctl dtab get default | kubectl wye import -f - --name default > default.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 || len(files) == 0 {
				return usageError{errors.New("name the files with -f")}
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { return p.importFiles(files, name) },
	}
	c.Flags().StringSliceVarP(&files, "filename", "f", nil, "files with tables; - is the standard input")
	c.Flags().StringVar(&name, "name", "", "name of the Dtab, of a file with one table")
	return c
}

func (p *program) importFiles(files []string, name string) error {
	var all []*tables.Table
	for _, file := range files {
		found, err := p.tablesOfFile(file)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	if name != "" && len(all) != 1 {
		return fmt.Errorf("--name is for one table, and there are %d", len(all))
	}
	var manifests []manifest
	for _, t := range all {
		m, err := p.manifest(t, name)
		if err != nil {
			return err
		}
		manifests = append(manifests, m)
	}
	encoder := yaml.NewEncoder(p.Out)
	encoder.SetIndent(2)
	for _, m := range manifests {
		if err := encoder.Encode(m); err != nil {
			return err
		}
	}
	return encoder.Close()
}

// manifest makes a Dtab of a table that nothing is wrong with.
func (p *program) manifest(t *tables.Table, name string) (manifest, error) {
	if _, err := t.Dtab(); err != nil {
		return manifest{}, err
	}
	if name == "" {
		name = t.Name
	}
	if name == "" {
		return manifest{}, usageError{errors.New("the table has no name; give it one with --name")}
	}
	if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return manifest{}, fmt.Errorf("a table called %q cannot be stored by Kubernetes (%s); give it another name with --name", name, wrong[0])
	}
	m := manifest{
		APIVersion: v1alpha1.GroupVersion.String(),
		Kind:       "Dtab",
		Metadata:   manifestMeta{Name: name, Namespace: t.Namespace, Labels: t.Labels},
	}
	if namespace := *p.kube.Namespace; namespace != "" {
		m.Metadata.Namespace = namespace
	}
	for _, r := range t.Rules {
		m.Spec.Dentries = append(m.Spec.Dentries, manifestRule{r.Prefix, r.Dst})
	}
	return m, nil
}
