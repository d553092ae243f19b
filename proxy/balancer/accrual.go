// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import "time"

// Accrual says when an endpoint that fails is taken out, and for how long.
type Accrual struct {
	// Failures to connect in a row, or early closes in a row, after which an endpoint
	// is out; at most 65535. 0: none is ever taken out.
	Failures int
	// MinPenalty is how long it is out at first, above 0; with each probe that fails it
	// doubles, to MaxPenalty at most. Both vary by a fifth either way.
	MinPenalty, MaxPenalty time.Duration
	// EarlyClose: a connection that the endpoint ends without a byte within this time
	// failed. 0: none does.
	EarlyClose time.Duration
}

// Cause is why an endpoint was taken out.
type Cause uint8

// Causes.
const (
	Connect Cause = iota // failures to connect
	Early                // early closes
	Check                // failed checks

	// Causes is their number.
	Causes
)

// String is the cause's label, in snake case.
func (c Cause) String() string {
	return [Causes]string{"connect", "early_close", "check"}[c]
}

// verdict is what is known of how an endpoint does. It is one word, so that an
// endpoint's can be changed without a lock:
//
//	bit 63      the check has found it sick
//	bits 61-62  phase
//	bits 59-60  cause for which it is out
//	bits 53-58  penalties in a row before this one
//	bits 0-52   phase in: failures to connect in a row (0-15), early closes in a row (16-31);
//	            other phases: until when, in Unix milliseconds
//
// 0 is an endpoint of which nothing bad is known.
type verdict uint64

// phase of an endpoint.
type phase uint64

const (
	in      phase = iota // it gets connections
	out                  // it gets none until a time; then one, as a probe
	probing              // the probe is on its way, and is given up at a time
	trial                // the probe is connected, and passes if nothing is heard of it until a time
)

const (
	sick      verdict = 1 << 63
	phaseAt           = 61
	causeAt           = 59
	levelAt           = 53
	untilMask         = 1<<levelAt - 1
	countMask         = 1<<16 - 1
	maxLevel          = 1<<(causeAt-levelAt) - 1

	// probeTime is how long a probe may be on its way before there may be another one:
	// every attempt to connect has an end, so this is for those whose end is lost.
	probeTime = time.Minute
)

func (v verdict) phase() phase     { return phase(v>>phaseAt) & 3 }
func (v verdict) cause() Cause     { return Cause(v>>causeAt) & 3 }
func (v verdict) level() int       { return int(v>>levelAt) & maxLevel }
func (v verdict) until() int64     { return int64(v & untilMask) }
func (v verdict) fit() bool        { return v < 1<<phaseAt }
func (v verdict) cleared() verdict { return v & sick }

// count of failures in a row, in phase in.
func (v verdict) count(c Cause) int { return int(v>>(16*c)) & countMask }

func (v verdict) withCount(c Cause, n int) verdict {
	return v&^(countMask<<(16*c)) | verdict(n)<<(16*c)
}

// held is v in another phase, until a time.
func (v verdict) held(p phase, c Cause, level int, until time.Time) verdict {
	return v&sick | verdict(p)<<phaseAt | verdict(c)<<causeAt | verdict(min(level, maxLevel))<<levelAt |
		verdict(max(until.UnixMilli(), 0))&untilMask
}

// over tells whether the time of a phase other than in has passed. One that lies too
// far ahead has passed as well: the clock was set back.
func (a *Accrual) over(v verdict, now time.Time) bool {
	left := time.Duration(v.until()-now.UnixMilli()) * time.Millisecond
	return left <= 0 || left > 2*max(a.MaxPenalty, a.EarlyClose, probeTime)
}

// penalty for one that was out so often in a row before. luck is from 0 to 1.
func (a *Accrual) penalty(level int, luck float64) time.Duration {
	d := a.MinPenalty
	for ; level > 0 && d < a.MaxPenalty; level-- {
		d *= 2
	}
	d = min(d, a.MaxPenalty)
	return max(d-d/5+time.Duration(luck*float64(d)*2/5), time.Millisecond)
}

// failed is what a failed attempt to connect, or an early close, makes of v. Only the
// probe itself says anything of an endpoint that is out: others were sent before, or
// because there was nobody else.
func (a *Accrual) failed(v verdict, c Cause, probe bool, now time.Time, luck float64) verdict {
	switch {
	case a.Failures == 0:
		return v
	case v.phase() != in && !probe, v.phase() == out:
		return v
	case v.phase() != in:
		level := v.level() + 1
		return v.held(out, c, level, now.Add(a.penalty(level, luck)))
	case v.count(c)+1 >= a.Failures:
		return v.held(out, c, 0, now.Add(a.penalty(0, luck)))
	}
	return v.withCount(c, v.count(c)+1)
}

// reached is what an attempt to connect that succeeded makes of v. Where early
// closes count, a probe must not be one either, and is on trial for so long.
func (a *Accrual) reached(v verdict, probe bool, now time.Time) verdict {
	switch {
	case v.phase() == in:
		return v.withCount(Connect, 0)
	case a.EarlyClose == 0:
		return v.cleared()
	case v.phase() == probing && probe:
		return v.held(trial, v.cause(), v.level(), now.Add(a.EarlyClose))
	}
	return v
}

// proved is what a byte from the endpoint makes of v.
func (a *Accrual) proved(v verdict) verdict {
	if v.phase() == in {
		return v.withCount(Early, 0)
	}
	return v.cleared()
}

// admit is what it makes of v that a connection is to be sent there. ok is false
// if it may not be. The verdict differs from v if the connection is the probe, or if
// the probe before has passed.
func (a *Accrual) admit(v verdict, now time.Time) (next verdict, probe, ok bool) {
	switch {
	case v&sick != 0:
		return v, false, false
	case v.phase() == in:
		return v, false, true
	case !a.over(v, now):
		return v, false, false
	case v.phase() == trial:
		return v.cleared(), false, true
	}
	return v.held(probing, v.cause(), v.level(), now.Add(probeTime)), true, true
}

// abandoned is what it makes of v that its probe was given up before it came to
// anything: another connection may be the probe at once.
func (a *Accrual) abandoned(v verdict) verdict {
	if v.phase() != probing {
		return v
	}
	return v.held(out, v.cause(), v.level(), time.Time{})
}
