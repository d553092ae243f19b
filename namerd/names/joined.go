// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"slices"
	"sync"

	"github.com/wye-dev/wye/dtab"
)

// maxJoined bounds the tables with extra rules that are kept. linkerd sends the same
// extra rules with each name, and a table may be large.
const maxJoined = 64

// joined are tables with extra rules behind them, shared by all who ask for the same.
// The zero value is empty and ready.
type joined struct {
	mu     sync.Mutex
	tables map[joint]joinedTable // mu guards it
}

type joint struct{ namespace, extra string }

type joinedTable struct {
	base, table *dtab.Table
}

// table is base with the extra rules behind it.
func (j *joined) table(at joint, base *dtab.Table, extra dtab.Dtab) *dtab.Table {
	j.mu.Lock()
	defer j.mu.Unlock()
	if known, ok := j.tables[at]; ok && known.base == base {
		return known.table
	}
	table := dtab.NewTable(slices.Concat(base.Dtab(), extra))
	if len(j.tables) >= maxJoined {
		clear(j.tables)
	}
	if j.tables == nil {
		j.tables = map[joint]joinedTable{}
	}
	j.tables[at] = joinedTable{base, table}
	return table
}
