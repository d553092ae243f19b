// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/observe"
	"github.com/wye-dev/wye/controllers/translate"
)

// maxNamed is how many pods a line names.
const maxNamed = 5

// routeView is what status shows of a route; its JSON is what -o json prints.
type routeView struct {
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	Deleted     bool   `json:"deleted,omitempty"`
	Destination string `json:"destination,omitempty"`
	Fleet       string `json:"fleet,omitempty"`
	Port        int32  `json:"port,omitempty"`

	// Balancing is how an endpoint is chosen, in words; not set by default.
	Balancing string `json:"balancing,omitempty"`

	Arms    []armView            `json:"arms"`
	Proxies v1alpha1.ProxyCounts `json:"proxies"`
	// Convergence is Proxies in words.
	Convergence string    `json:"convergence,omitempty"`
	Ready       *stateNow `json:"ready,omitempty"`
	// Stale is how many connections migration is to end; not set without a migration.
	Stale *int64 `json:"stale,omitempty"`
	// Observed is what the proxies said; its arms have their bound names.
	Observed *observe.Route `json:"observed,omitempty"`
	// NotObserved is why they could not be asked.
	NotObserved string `json:"notObserved,omitempty"`
}

// armView is an arm. What was not observed is not set.
type armView struct {
	Name     string  `json:"name"`
	Bound    string  `json:"bound"`
	Weight   string  `json:"weight"`
	Ready    int32   `json:"ready"`
	Desired  string  `json:"desired"`            // share of new connections that it is to get, such as 90%
	Observed string  `json:"observed,omitempty"` // share of those that were opened; not set while there are none
	Opened   *uint64 `json:"opened,omitempty"`
	Open     *uint64 `json:"open,omitempty"`
	Stale    *uint64 `json:"stale,omitempty"` // of Open, what migration is to end
	Out      uint32  `json:"out,omitempty"`   // endpoints that failed, and are out for some proxy
}

// stateNow is the Ready condition.
type stateNow struct {
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
}

// viewOf puts together what is known of a route.
func viewOf(r *v1alpha1.TCPRoute, seen sighting) *routeView {
	v := &routeView{
		Namespace: r.Namespace, Name: r.Name,
		Destination: destination(r), Fleet: r.Spec.FleetRef.Name, Port: r.Spec.Port,
		Balancing: balancing(r.Spec.LoadBalancing), Arms: []armView{}, Proxies: r.Status.Proxies, Convergence: convergence(r),
		Observed: seen.routes[r.Name], Stale: r.Status.StaleConnections,
	}
	if seen.err != nil {
		v.NotObserved = seen.err.Error()
	}
	for _, a := range r.Status.Arms {
		v.Arms = append(v.Arms, armView{Name: a.Name, Bound: a.Bound, Weight: a.Weight, Ready: a.Ready, Desired: a.Share})
	}
	if v.Observed != nil {
		v.observe(v.Observed.Arms)
	}
	if ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		v.Ready = &stateNow{string(ready.Status), ready.Reason, ready.Message}
	}
	return v
}

// observe fills in what was seen of the arms. The proxies call an arm by its
// backend, or else by what it is bound to.
func (v *routeView) observe(seen []observe.Arm) {
	total := opened(seen)
	fractions := make([]float64, len(seen))
	for i, arm := range seen {
		fractions[i] = float64(arm.Opened) / float64(max(total, 1))
	}
	shares := translate.Percentages(fractions)
	at := make(map[string]int, len(seen)) // name -> place in seen
	for i, arm := range seen {
		at[arm.Name] = i
	}
	for i := range v.Arms {
		arm := &v.Arms[i]
		place, known := at[arm.Bound]
		if !known {
			place, known = at[arm.Name]
		}
		if !known {
			continue
		}
		arm.Opened, arm.Open, arm.Out = &seen[place].Opened, &seen[place].Open, seen[place].Out
		if v.Stale != nil {
			arm.Stale = &seen[place].Stale
		}
		if total > 0 {
			arm.Observed = shares[place]
		}
	}
}

func opened(arms []observe.Arm) (total uint64) {
	for _, arm := range arms {
		total += arm.Opened
	}
	return total
}

// String is the view for people.
func (v *routeView) String() string {
	if v.Deleted {
		return "tcproute/" + v.Name + " was deleted\n"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "tcproute/%s: %s, port %d of fleet %s\n", v.Name, v.Destination, v.Port, v.Fleet)
	if v.Balancing != "" {
		fmt.Fprintf(&text, "  endpoints by %s\n", v.Balancing)
	}
	if len(v.Arms) > 0 {
		columns := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
		fmt.Fprintf(columns, "  ARM\tDESIRED\tOBSERVED\tOPENED\tOPEN\t%sWEIGHT\tREADY\tBOUND\n", v.stale("STALE"))
		for _, a := range v.Arms {
			fmt.Fprintf(columns, "  %s\t%s\t%s\t%s\t%s\t%s%s\t%d\t%s\n", a.Name, a.Desired,
				orDash(a.Observed), count(a.Opened), count(a.Open), v.stale(count(a.Stale)), a.Weight, a.Ready, a.Bound)
		}
		columns.Flush()
	}
	fmt.Fprintf(&text, "  %s\n", v.Convergence)
	if v.Observed != nil {
		fmt.Fprintf(&text, "  %s\n", observation(v.Observed))
	}
	for _, a := range v.Arms {
		if a.Out > 0 {
			fmt.Fprintf(&text, "  Out, because they failed: %d endpoints of %s, for some proxy; the logs of the proxies name them.\n", a.Out, a.Name)
		}
	}
	if v.Stale != nil && *v.Stale > 0 {
		fmt.Fprintf(&text, "  Migrating: %d connections are left that are to end.\n", *v.Stale)
	}
	if v.Ready != nil && v.Ready.Status != "True" {
		fmt.Fprintf(&text, "  Not ready, %s: %s\n", v.Ready.Reason, v.Ready.Message)
	}
	return text.String()
}

// stale is a column of routes that migrate.
func (v *routeView) stale(text string) string {
	if v.Stale == nil {
		return ""
	}
	return text + "\t"
}

// line is the view in an output of status -w.
func (v *routeView) line(output string) (string, error) {
	if output == outputText {
		return v.String(), nil
	}
	var line strings.Builder
	out := json.NewEncoder(&line)
	out.SetEscapeHTML(false)
	err := out.Encode(v)
	return line.String(), err
}

func count(n *uint64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatUint(*n, 10)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// observation says over which proxies and since when connections were counted.
func observation(o *observe.Route) string {
	text := "Observed: no proxy serves the newest form"
	if o.Since != nil {
		text = fmt.Sprintf("Observed: %d connections opened on %d proxies since each took this form, the last at %s",
			opened(o.Arms), o.Counted, o.Since.UTC().Format(time.RFC3339))
	}
	if o.Departed > 0 {
		text += fmt.Sprintf("; %d still open on arms that are gone", o.Departed)
	}
	if len(o.Silent) > 0 {
		text += "; no answer from " + some(o.Silent)
	}
	return text + "."
}

// some names the first of many.
func some(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
