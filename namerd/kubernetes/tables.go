// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd"
)

// tables are the Dtabs as an informer tells of them.
type tables struct {
	board namerd.Board
	home  string // namespace
	log   *slog.Logger
}

// Get makes tables a namerd.Reader.
func (t *tables) Get(name string) (*namerd.Entry, <-chan struct{}) {
	if key, err := parseName(name, t.home); err == nil {
		name = formatName(key, t.home)
	}
	return t.board.Get(name)
}

// List makes tables a namerd.Reader.
func (t *tables) List() ([]string, <-chan struct{}) { return t.board.List() }

// set takes a Dtab from the informer. One that does not parse leaves its last good
// form in force, as it does everywhere.
func (t *tables) set(object any) {
	d, ok := object.(*v1alpha1.Dtab)
	if !ok {
		return
	}
	name := formatName(client.ObjectKeyFromObject(d), t.home)
	if entry, _ := t.board.Get(name); entry != nil && string(entry.Version) == string(version(d)) {
		return // nothing but its status or its labels
	}
	table, err := parse(d.Spec.Dentries)
	if err != nil {
		t.log.Warn("a Dtab does not parse: its last good form stays, if there is one", "dtab", name, "error", err)
		return
	}
	t.board.Post(name, &namerd.Entry{Table: dtab.NewTable(table), Version: version(d)})
}

// remove takes the end of a Dtab from the informer.
func (t *tables) remove(object any) {
	if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	if d, ok := object.(*v1alpha1.Dtab); ok {
		t.board.Post(formatName(client.ObjectKeyFromObject(d), t.home), nil)
	}
}

// version of a Dtab, which a write of its status does not change.
func version(d *v1alpha1.Dtab) []byte { return fmt.Appendf(nil, "%s/%d", d.UID, d.Generation) }

// settle is how long an answer to a write waits until the write can be read here.
const settle = 2 * time.Second

// await waits for a while until a table is what a write has made of it, or newer:
// who writes and then reads shall find what he wrote.
func (t *tables) await(ctx context.Context, key types.NamespacedName, settled func(*namerd.Entry) bool) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	for {
		entry, changed := t.board.Get(formatName(key, t.home))
		if settled(entry) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// holds tells whether an entry is of a Dtab as it is now, or as it became later.
func holds(d *v1alpha1.Dtab) func(*namerd.Entry) bool {
	return func(e *namerd.Entry) bool {
		if e == nil {
			return false
		}
		_, text, _ := strings.Cut(string(e.Version), "/")
		generation, err := strconv.ParseInt(text, 10, 64)
		return err == nil && uid(e) == d.UID && generation >= d.Generation
	}
}

func uid(e *namerd.Entry) types.UID {
	uid, _, _ := strings.Cut(string(e.Version), "/")
	return types.UID(uid)
}

func parse(dentries []v1alpha1.Dentry) (dtab.Dtab, error) {
	table := make(dtab.Dtab, len(dentries))
	for i, e := range dentries {
		var err error
		if table[i], err = dtab.ParseDentry(e.Prefix, e.Dst); err != nil {
			return nil, fmt.Errorf("spec.dentries[%d].%w", i, err)
		}
	}
	return table, nil
}

// format gives the texts of a table, with exact weights. Where an entry says the same
// as one of the texts before, that stays as somebody wrote it.
func format(table dtab.Dtab, before []v1alpha1.Dentry) []v1alpha1.Dentry {
	written := map[v1alpha1.Dentry]v1alpha1.Dentry{} // canonical -> as it was written
	for _, text := range before {
		if e, err := dtab.ParseDentry(text.Prefix, text.Dst); err == nil {
			written[exact(e)] = text
		}
	}
	texts := make([]v1alpha1.Dentry, len(table))
	for i, e := range table {
		texts[i] = exact(e)
		if text, ok := written[texts[i]]; ok {
			texts[i] = text
		}
	}
	return texts
}

func exact(e dtab.Dentry) v1alpha1.Dentry {
	return v1alpha1.Dentry{Prefix: e.Prefix.String(), Dst: dtab.FormatTreeExact(e.Dst)}
}
