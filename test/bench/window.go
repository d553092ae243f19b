//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"syscall"
	"time"
)

// window measures what happens between its start and its end.
type window struct {
	c           *client
	proxy, back []int
	at          time.Time
	proxyCPU    cpuTimes
	backCPU     cpuTimes
	selfCPU     float64
	machine     machineCPU
}

func (c *client) start() *window {
	w := &window{c: c}
	if c.ProxyPID != 0 {
		w.proxy = tree(c.ProxyPID)
	}
	for _, pid := range c.BackPIDs {
		w.back = append(w.back, tree(pid)...)
	}
	w.proxyCPU, w.backCPU, w.selfCPU = cpuOf(w.proxy), cpuOf(w.back), selfCPU()
	w.machine = readMachineCPU()
	w.at = time.Now()
	return w
}

// stop returns the numbers of the window, and how much work was done in it, which
// done tells; unit is its name ("op", "gib", "conn").
func (w *window) stop(done func() float64, unit string) (m metrics, amount float64) {
	seconds := time.Since(w.at).Seconds()
	amount = done()
	proxy := cpuOf(w.proxy).sub(w.proxyCPU)
	back := cpuOf(w.back).sub(w.backCPU).total()
	self := selfCPU() - w.selfCPU
	now := readMachineCPU()
	m = metrics{
		"seconds":          seconds,
		"proxy_cpu_cores":  proxy.total() / seconds,
		"back_cpu_cores":   back / seconds,
		"client_cpu_cores": self / seconds,
		// Time of others: what makes a run worthless when it is high. Soft
		// interrupts are in the machine's time and, where they ran on top of
		// a process, in that process's time.
		"foreign_cpu_cores": (now.sum() - w.machine.sum() - proxy.total() - back - self) / seconds,
		"interrupt_cores":   (now.interrupts - w.machine.interrupts) / seconds,
	}
	scale := 1e6
	key := "_us_per_" + unit
	if unit == "gib" {
		scale, key = 1, "_s_per_gib"
	}
	if amount > 0 {
		if w.c.ProxyPID != 0 {
			m["proxy_cpu"+key] = proxy.total() / amount * scale
			m["proxy_user"+key] = proxy.User / amount * scale
			m["proxy_sys"+key] = proxy.Sys / amount * scale
		}
		m["total_cpu"+key] = (proxy.total() + back + self) / amount * scale
	}
	m[unit+"s_per_s"] = amount / seconds
	return m, amount
}

func selfCPU() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}
