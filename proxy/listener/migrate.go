// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import "github.com/wye-dev/wye/proxy/plan"

// migrate has connections ended as p says, from the first plan on that has any ended.
// The metrics have p already. s.mu is held.
func (s *Set) migrate(p *plan.Plan) {
	if s.mover == nil {
		return
	}
	s.mover.Follow(p)
	for _, r := range p.Routes {
		if r.Migration != nil {
			s.moves.Do(func() { s.movers.Go(func() { s.mover.Run(s.ctx) }) })
			return
		}
	}
}
