// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerctl

import (
	"encoding/json"

	"github.com/hashicorp/hcl"
	"github.com/magiconair/properties"
	"github.com/pelletier/go-toml/v2"
	"sigs.k8s.io/yaml"
)

// format is a form of settings files.
type format struct {
	extension string
	decode    func(text []byte) (map[string]any, error)
}

// formats are the forms in which namerctl reads settings, in the order in which
// it looks for them in a directory.
var formats = []format{
	{"json", with(json.Unmarshal)},
	{"toml", with(toml.Unmarshal)},
	{"yaml", with(unmarshalYAML)},
	{"yml", with(unmarshalYAML)},
	{"properties", decodeProperties},
	{"hcl", with(hcl.Unmarshal)},
}

func with(unmarshal func([]byte, any) error) func([]byte) (map[string]any, error) {
	return func(text []byte) (map[string]any, error) {
		var settings map[string]any
		err := unmarshal(text, &settings)
		return settings, err
	}
}

func unmarshalYAML(text []byte, into any) error { return yaml.Unmarshal(text, into) }

func decodeProperties(text []byte) (map[string]any, error) {
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	parsed, err := loader.LoadBytes(text)
	if err != nil {
		return nil, err
	}
	settings := map[string]any{}
	for name, value := range parsed.Map() {
		settings[name] = value
	}
	return settings, nil
}
