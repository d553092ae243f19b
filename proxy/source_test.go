// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/apply"
)

// refusing is an apply.Plane that refuses always the same.
type refusing []*pushv1.Refusal

func (r refusing) Install(*pushv1.Config) []*pushv1.Refusal     { return r }
func (r refusing) Refusals() []*pushv1.Refusal                  { return r }
func (r refusing) Report(routes []string) []*pushv1.RouteReport { return nil }

func TestASavedConfigThatWaitsForKeysTakesNothingOver(t *testing.T) {
	data, err := pushv1.EncodeSaved("ns/edge", &pushv1.Config{Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "saved")
	if err := os.WriteFile(saved, data, 0o600); err != nil {
		t.Fatal(err)
	}
	const lacks = "identity \"one\" is not there"
	for _, test := range []struct {
		reason string
		plane  refusing
		want   string // part of the error; empty: none
	}{
		{"all of it is served", nil, ""},
		{"a key is missing", refusing{{Reason: pushv1.RefusalReason_REFUSAL_REASON_INVALID, Message: lacks}}, lacks},
		{"a port is taken, which time may mend", refusing{{Reason: pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE}}, ""},
	} {
		client := apply.New(apply.Options{
			Namespace: "ns", Fleet: "edge", Bootstrap: saved, Plane: test.plane, Log: slog.New(slog.DiscardHandler),
		})
		f := &follower{client: client}
		if err := f.Settled(); err == nil {
			t.Errorf("%s: settled without a config", test.reason)
		}
		client.Restore()
		if err := f.Settled(); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.reason, err, test.want)
		}
	}
}
