// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/apply"
)

// view is the answer of /config.
type view struct {
	Source     apply.Source      `json:"source"`
	Generation uint64            `json:"generation"`
	Controller controllerView    `json:"controller"`
	Saved      savedView         `json:"saved"`
	Refused    []json.RawMessage `json:"refused"` // pushv1.Refusal
	Config     json.RawMessage   `json:"config"`  // pushv1.Config, null when there is none
}

type controllerView struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	Error     string    `json:"error,omitempty"`
}

type savedView struct {
	Generation uint64 `json:"generation"`
	Error      string `json:"error,omitempty"`
}

// config shows the newest config, refused resources included, without its secrets.
func (o Options) config(w http.ResponseWriter, _ *http.Request) {
	text, err := show(o.Status())
	if err != nil {
		Say(w, http.StatusInternalServerError, err.Error())
		return
	}
	SayJSON(w, text)
}

// SayJSON answers with JSON.
func SayJSON(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(text, '\n')) // a client that went away is no matter
}

// show puts a status into JSON.
func show(s apply.Status) ([]byte, error) {
	v := view{
		Source:     s.Source,
		Generation: s.Config.GetGeneration(),
		Controller: controllerView{Connected: s.Connected, Since: s.Since.UTC(), Error: text(s.Away)},
		Saved:      savedView{Generation: s.Saved, Error: text(s.SaveError)},
	}
	var err error
	if v.Refused, err = RefusedJSON(s.Refused); err != nil {
		return nil, err
	}
	if v.Config, err = ConfigJSON(s.Config); err != nil {
		return nil, err
	}
	return json.MarshalIndent(v, "", "  ")
}

// ConfigJSON is a config without its secrets; null when there is none.
func ConfigJSON(config *pushv1.Config) (json.RawMessage, error) {
	if config == nil {
		return nil, nil
	}
	shown := proto.CloneOf(config)
	redact(shown.ProtoReflect())
	return protojson.Marshal(shown)
}

// RefusedJSON is a list of refusals.
func RefusedJSON(refused []*pushv1.Refusal) ([]json.RawMessage, error) {
	list := []json.RawMessage{}
	for _, r := range refused {
		text, err := protojson.Marshal(r)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

// text is an error's, empty for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
