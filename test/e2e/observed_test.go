//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/wye-dev/wye/cli"
	"github.com/wye-dev/wye/test/story"
)

// enough is how many connections a share is observed on.
const enough = 200

// routeStatus is what kubectl wye status -o json says of a route.
type routeStatus struct {
	NotObserved string
	Observed    struct {
		Counted int
		Silent  []string
	}
	Arms []struct {
		Name, Desired, Observed string
		Opened                  int
	}
}

// testObserved: the share of new connections that each arm really gets, as a user
// sees it: through a port-forward to the leading controller, from all proxies.
func (w *world) testObserved(t *testing.T) {
	w.applyTable(t, "03-quarter.yaml")
	w.untilSplit(t, "redis2=25% redis1=75%")
	l := w.load(t, perSecond, 0)
	opened := map[string]int{} // arm -> connections since the table is in force
	took := until(t, patience, "all proxies tell of enough connections", func() (bool, any) {
		s := w.routeStatus(t)
		total := 0
		for _, arm := range s.Arms {
			opened[arm.Name] = arm.Opened
			total += arm.Opened
		}
		return s.NotObserved == "" && s.Observed.Counted == proxies && len(s.Observed.Silent) == 0 && total >= enough, s
	})
	l.Stop()
	t.Logf("observed %v after %s", opened, took.Round(time.Millisecond))
	// Each proxy may be one off, and has taken over that it was one off before.
	if off := opened["redis2"] - (opened["redis1"]+opened["redis2"])/4; off < -2*proxies || off > 2*proxies {
		t.Errorf("a quarter to redis2 was observed as %v", opened)
	}
	check(t, "while being observed", l.Totals(), false)
	w.applyTable(t, toRedis1)
	w.untilConverged(t)
}

// routeStatus runs kubectl wye status on the tests' route.
func (w *world) routeStatus(t *testing.T) routeStatus {
	t.Helper()
	var out, problems strings.Builder
	code := cli.Run(t.Context(), cli.Environment{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &problems},
		Getenv:    os.Getenv,
		Dir:       t.TempDir(),
	}, []string{"status", "tcproute/" + story.Route, "--namespace", namespace, "-o", "json"})
	var shown struct{ Routes []routeStatus }
	if err := json.Unmarshal([]byte(out.String()), &shown); code != 0 || err != nil || len(shown.Routes) != 1 {
		t.Fatalf("kubectl wye status: exit status %d, %v\n%s%s", code, err, out.String(), problems.String())
	}
	return shown.Routes[0]
}
