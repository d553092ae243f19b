//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// clockTick is the length of a tick of the CPU times in /proc/PID/stat:
// USER_HZ is 100 on every Linux architecture that Go supports.
const clockTick = 1.0 / 100

// cpuTimes are CPU seconds.
type cpuTimes struct {
	User float64 `json:"user"`
	Sys  float64 `json:"sys"`
}

func (c cpuTimes) total() float64 { return c.User + c.Sys }

func (c cpuTimes) sub(o cpuTimes) cpuTimes { return cpuTimes{c.User - o.User, c.Sys - o.Sys} }

// tree returns pid and all its descendants (nginx and hitch fork workers).
func tree(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		fields, err := statFields(f)
		if err != nil {
			continue
		}
		ppid, _ := strconv.Atoi(fields[1])
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		children[ppid] = append(children[ppid], child)
	}
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children[pids[i]]...)
	}
	return pids
}

// statFields returns the fields of a /proc/PID/stat after the command name,
// so index 0 is the state (field 3 in proc(5)).
func statFields(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return nil, fmt.Errorf("%s: no command name", path)
	}
	fields := strings.Fields(string(b[i+1:]))
	if len(fields) < 22 {
		return nil, fmt.Errorf("%s: %d fields", path, len(fields))
	}
	return fields, nil
}

// cpuOf sums the CPU times of pids.
func cpuOf(pids []int) cpuTimes {
	var sum cpuTimes
	for _, pid := range pids {
		fields, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		user, _ := strconv.ParseFloat(fields[11], 64)
		sys, _ := strconv.ParseFloat(fields[12], 64)
		sum.User += user * clockTick
		sum.Sys += sys * clockTick
	}
	return sum
}

// machineCPU is the machine's CPU time so far: used by processes, taken by
// soft and hard interrupts, and stolen by the host.
type machineCPU struct{ processes, interrupts, stolen float64 }

func (m machineCPU) sum() float64 { return m.processes + m.interrupts + m.stolen }

func readMachineCPU() machineCPU {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineCPU{}
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var v [8]float64 // user nice system idle iowait irq softirq steal
	for i, f := range strings.Fields(line)[1:] {
		if i < len(v) {
			v[i], _ = strconv.ParseFloat(f, 64)
			v[i] *= clockTick
		}
	}
	return machineCPU{processes: v[0] + v[1] + v[2], interrupts: v[5] + v[6], stolen: v[7]}
}

// memory is the memory of a set of processes in KiB. Pss counts a page that
// several processes share once, divided over them.
type memory struct {
	RSS, PSS, PSSAnon float64
}

func memoryOf(pids []int) memory {
	var m memory
	for _, pid := range pids {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		s := bufio.NewScanner(f)
		for s.Scan() {
			fields := strings.Fields(s.Text())
			if len(fields) < 2 {
				continue
			}
			kb, _ := strconv.ParseFloat(fields[1], 64)
			switch fields[0] {
			case "Rss:":
				m.RSS += kb
			case "Pss:":
				m.PSS += kb
			case "Pss_Anon:":
				m.PSSAnon += kb
			}
		}
		f.Close()
	}
	return m
}

// openFDs counts the open descriptors of pids.
func openFDs(pids []int) int {
	n := 0
	for _, pid := range pids {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err == nil {
			n += len(entries)
		}
	}
	return n
}
