// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
)

func TestNoProxyOutlivesAControllerThatIsKilled(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	controller := exec.Command(binary, "be-controller", t.TempDir())
	out, err := controller.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	controller.Stderr = os.Stderr
	if err := controller.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	t.Cleanup(func() {
		for _, pid := range slices.DeleteFunc(pids, func(pid int) bool { return !alive(pid) }) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	for lines := bufio.NewScanner(out); len(pids) < 2 && lines.Scan(); {
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
			t.Errorf("controller says %q", lines.Text())
		}
		pids = append(pids, n)
	}
	if len(pids) != 2 || !alive(pids[0]) || !alive(pids[1]) {
		t.Errorf("proxies %v do not run", pids)
	}
	if err := controller.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = controller.Wait()
	eventually(t, "end of the proxies", func() bool { return !slices.ContainsFunc(pids, alive) })
}

// beController runs two proxies and prints their process ids, until it is killed.
func beController(dir string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	endThreads()
	binary, err := os.Executable()
	if err != nil {
		return 1
	}
	key := types.NamespacedName{Namespace: "default", Name: "edge"}
	r := New(Options{Binary: binary, Dir: dir, Controller: "good"}, &tokens{life: time.Hour},
		func() []byte { return []byte("PEM\n") }, func(types.NamespacedName) {}, logr.Discard())
	go func() { _ = r.Start(ctx) }()
	if err := r.Apply(ctx, newFleet("edge", 2), nil); err != nil {
		return 1
	}
	for _, name := range []string{"wye-edge-0", "wye-edge-1"} {
		for {
			if addr, ok := r.AdminAddr(key, name); ok {
				if n, err := pid(ctx, addr); err == nil {
					endThreads() // none of them may take a proxy with it
					fmt.Println(n)
					break
				}
			}
			if !wait(ctx, 10*time.Millisecond) {
				return 1
			}
		}
	}
	<-ctx.Done()
	return 1
}

// endThreads ends some OS threads: those of goroutines that end while locked.
func endThreads() {
	var threads sync.WaitGroup
	for range 50 {
		threads.Go(func() {
			runtime.LockOSThread()
			runtime.Gosched()
		})
	}
	threads.Wait()
}
