// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/wye-dev/wye/proxy/admin"
)

// Handler implements proxy.Source: GET /metrics, POST /shutdown and POST /abort, as
// linkerd-tcp, and /live, /ready and /config. Everything else is 404, as there.
func (s *source) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", admin.Live)
	mux.HandleFunc("GET /ready", s.ready)
	mux.Handle("GET /config", admin.Limit(s.show))
	mux.Handle("GET /metrics", admin.Metrics(s.host.Metrics, s.host.Log))
	mux.HandleFunc("POST /shutdown", func(w http.ResponseWriter, _ *http.Request) {
		admin.Say(w, http.StatusOK, "draining")
		s.host.Drain()
	})
	mux.HandleFunc("POST /abort", func(w http.ResponseWriter, _ *http.Request) {
		admin.Say(w, http.StatusOK, "ending at once")
		s.host.End()
	})
	mux.HandleFunc("/", http.NotFound)
	return http.NewCrossOriginProtection().Handler(mux)
}

// ready answers 200 while new connections are welcome: every name has been answered,
// and its ports are open, or has failed to be, so that one which does not exist holds
// up no others.
func (s *source) ready(w http.ResponseWriter, _ *http.Request) {
	untried := false
	var missing []string
	for _, n := range s.names {
		state := n.known()
		if state.Answer != nil {
			continue
		}
		untried = untried || state.Failures == 0
		why := text(state.Err)
		if why == "" {
			why = "no answer yet"
		}
		missing = append(missing, fmt.Sprintf("waiting for %s%s: %s", n.router, n.path, why))
	}
	serving := s.Serving()
	if coming := s.answered() - len(serving.GetRoutes()); coming > 0 {
		untried = true
		missing = append(missing, fmt.Sprintf("%d routes are being put in service", coming))
	}
	switch {
	case s.host.Draining():
		admin.Say(w, http.StatusServiceUnavailable, fmt.Sprintf("draining: %d connections are left", s.host.Active()))
	case serving == nil || untried:
		admin.Say(w, http.StatusServiceUnavailable, strings.Join(missing, "\n"))
	default:
		first := fmt.Sprintf("ready: generation %d from file, %d refused", serving.GetGeneration(), len(s.host.Plane.Refusals()))
		admin.Say(w, http.StatusOK, strings.Join(append([]string{first}, missing...), "\n"))
	}
}

// answered is the number of routes whose names have been answered.
func (s *source) answered() int {
	n := 0
	for _, r := range s.routes {
		if r.name.known().Answer != nil {
			n++
		}
	}
	return n
}

// nameView is a name in the answer of /config.
type nameView struct {
	Router   string `json:"router"`
	Name     string `json:"name"`
	Resolved bool   `json:"resolved"` // once at least
	Answers  uint64 `json:"answers"`
	Failures uint64 `json:"failures"`
	Error    string `json:"error,omitempty"` // why there is no answer, or none that is newer
}

// identityView is a certificate in the answer of /config.
type identityView struct {
	Name    string    `json:"name"` // its files
	Expires time.Time `json:"expires"`
	Error   string    `json:"error,omitempty"` // why the newest form is not in force
}

// show answers /config: what is served, and how the names and certificates are.
func (s *source) show(w http.ResponseWriter, _ *http.Request) {
	serving := s.Serving()
	config, err := admin.ConfigJSON(serving)
	if err != nil {
		admin.Say(w, http.StatusInternalServerError, err.Error())
		return
	}
	refused, err := admin.RefusedJSON(s.host.Plane.Refusals())
	if err != nil {
		admin.Say(w, http.StatusInternalServerError, err.Error())
		return
	}
	names := []nameView{}
	for _, n := range s.names {
		state := n.known()
		names = append(names, nameView{n.router, n.path.String(), state.Answer != nil, state.Answers, state.Failures, text(state.Err)})
	}
	identities := []identityView{}
	for _, i := range s.host.Identities.States() {
		identities = append(identities, identityView{i.Name, i.Expires.UTC(), text(i.Stale)})
	}
	view, err := json.MarshalIndent(struct {
		Source     string            `json:"source"`
		Generation uint64            `json:"generation"`
		Names      []nameView        `json:"names"`
		Identities []identityView    `json:"identities"`
		Refused    []json.RawMessage `json:"refused"` // pushv1.Refusal
		Config     json.RawMessage   `json:"config"`  // pushv1.Config, null when there is none
	}{"file", serving.GetGeneration(), names, identities, refused, config}, "", "  ")
	if err != nil {
		admin.Say(w, http.StatusInternalServerError, err.Error())
		return
	}
	admin.SayJSON(w, view)
}
