// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
)

const (
	scriptSize    = 24  // bytes of a random script
	conversations = 400 // of TestRandomConversations on each data plane
	warmUp        = 100 // of them, before what is held is counted
	secretOnes    = 200 // of them, in each way to have TLS
	crowdSize     = 32  // conversations at once
)

var seed = flag.Uint64("seed", 0, "of the random conversations; 0: a new one each time")

func TestRandomConversations(t *testing.T) {
	number := *seed
	if number == 0 {
		number = rand.Uint64()
	}
	for _, p := range planes() {
		for _, backend := range []sockets{{}, {tight: true}} {
			for _, secret := range append(secrets(), secret{}) {
				t.Run(fmt.Sprintf("%s, tight %t, secret %+v", p.name, backend.tight, secret), func(t *testing.T) {
					scripts := randomScripts(number)
					if secret.client || secret.backend {
						scripts = scripts[:secretOnes]
					}
					converseAtRandom(t, newCrowd(t, p, backend, route{secret: secret}), number, scripts)
				})
			}
		}
	}
}

// converseAtRandom holds random conversations, and has nothing be left of them.
func converseAtRandom(t *testing.T, c *crowd, number uint64, scripts [][]byte) {
	name := fmt.Sprintf("-seed %d", number)
	c.speak(t, name, scripts[:warmUp], crowdSize)
	before := held(t)
	c.speak(t, name+" after warm-up", scripts[warmUp:], crowdSize)
	eventually(t, func() error {
		if now := held(t); now.descriptors > before.descriptors || now.goroutines > before.goroutines {
			return fmt.Errorf("%s: before it held %+v, and now %+v", name, before, now)
		}
		return nil
	})
}

func randomScripts(seed uint64) [][]byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	random := rand.NewChaCha8(key)
	scripts := make([][]byte, conversations)
	for i := range scripts {
		scripts[i] = make([]byte, scriptSize)
		_, _ = random.Read(scripts[i]) // never fails
	}
	return scripts
}

// holdings are what a process may leak.
type holdings struct{ descriptors, goroutines int }

// held counts what this process holds, once what nobody uses is collected: pipes of
// splice are kept in a pool, which takes two collections to empty.
func held(t *testing.T) holdings {
	t.Helper()
	runtime.GC()
	runtime.GC()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return holdings{descriptors: len(entries), goroutines: runtime.NumGoroutine()}
}

func FuzzConversations(f *testing.F) {
	for _, script := range randomScripts(1)[:8] {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var scripts [][]byte
		for len(text) > 0 && len(scripts) < 8 {
			n := min(len(text), scriptSize)
			scripts = append(scripts, text[:n])
			text = text[n:]
		}
		for _, p := range planes() {
			newCrowd(t, p, sockets{}, route{}).speak(t, p.name, scripts, len(scripts)+1)
		}
	})
}
