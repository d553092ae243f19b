// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

const (
	redis1 = `{"type":"leaf","bound":{"addr":{"type":"bound","addrs":[{"ip":"127.0.0.1","port":6379,"meta":{}}],"meta":{}},"id":"/#/io.l5d.fs/redis1","path":"/"}}`
	addr1  = `{"type":"bound","addrs":[{"ip":"127.0.0.1","port":6379,"meta":{}}],"meta":{}}`
	addr2  = `{"type":"bound","addrs":[{"ip":"127.0.0.1","port":6380,"meta":{}}],"meta":{}}`
	neg    = `{"type":"neg"}`
)

func simple() options {
	return options{
		tables: map[string]string{"default": "/svc=>/#/io.l5d.fs"},
		files:  map[string]string{"redis1": "127.0.0.1 6379\n", "redis2": "127.0.0.1 6380\n"},
	}
}

func TestWatchOfTheListSendsEachOther(t *testing.T) {
	r := start(t, options{})
	w := r.watch("dtabs?watch=true")
	w.expect(`[]`)
	r.put("b", "")
	w.expect(`["b"]`)
	r.put("b", "/a=>/b") // no other list
	r.put("a", "")
	w.expect(`["a","b"]`)
	if err := r.store.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	w.expect(`["a"]`)
}

func TestWatchOfATableSendsEachVersion(t *testing.T) {
	r := start(t, simple())
	w := r.watch("dtabs/default?watch=T")
	if got := w.response.Header["Etag"]; got != nil {
		t.Errorf("a watch has an ETag: %s", got)
	}
	w.expect(`[{"prefix":"/svc","dst":"/#/io.l5d.fs"}]`)
	r.put("default", "/svc=>/#/io.l5d.fs") // equal, and another version
	w.expect(`[{"prefix":"/svc","dst":"/#/io.l5d.fs"}]`)
	// Nothing is said of its end, and it begins again.
	if err := r.store.Delete(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	r.put("other", "")
	r.put("default", "/svc=>/b")
	w.expect(`[{"prefix":"/svc","dst":"/b"}]`)
}

func TestWatchOfNoTableIsSilentUntilThereIsOne(t *testing.T) {
	r := start(t, options{})
	w := r.watch("dtabs/new?watch=1")
	r.put("other", "/a=>/c")
	r.put("new", "/a=>/b")
	w.expect(`[{"prefix":"/a","dst":"/b"}]`)
}

func TestOtherValuesOfWatchAreNone(t *testing.T) {
	r := start(t, simple())
	for _, value := range []string{"", "0", "yes", "false", "2"} {
		response, err := http.Get("http://" + r.addr + "/api/1/dtabs/default?watch=" + value)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body) // it ends
		response.Body.Close()
		if err != nil || len(response.TransferEncoding) > 0 {
			t.Errorf("watch=%s: %s, %v, %v", value, body, err, response.TransferEncoding)
		}
	}
}

func TestWatchOfABindingSendsTreesAndNotAddresses(t *testing.T) {
	r := start(t, simple())
	w := r.watch("bind/default?path=/svc/redis1&watch=TRUE")
	w.expect(redis1)
	r.write("redis1", "127.0.0.1 6399\n") // addresses alone
	addr := r.watch("addr/default?path=/%23/io.l5d.fs/redis1&watch=1")
	if line := addr.next(); line == addr1 {
		addr.expect(strings.ReplaceAll(addr1, "6379", "6399"))
	}
	r.put("default", "/svc=>/#/io.l5d.fs;/x=>/y") // another table, and the same tree
	r.put("default", "/svc=>/nothing")
	w.expect(neg)
	r.put("default", "/svc=>/#/io.l5d.fs")
	w.expect(strings.ReplaceAll(redis1, "6379", "6399")) // with the addresses of now
}

func TestWatchOfABindingFollowsFiles(t *testing.T) {
	r := start(t, simple())
	w := r.watch("bind/default?path=/svc/new&watch=true&dtab=/svc/new=>/%23/io.l5d.fs/new|/%23/io.l5d.fs/redis1")
	w.expect(redis1)
	r.write("new", "127.0.0.1 6379\n")
	w.expect(strings.ReplaceAll(redis1, "fs/redis1", "fs/new"))
	if err := os.Remove(filepath.Join(r.disco, "new")); err != nil {
		t.Fatal(err)
	}
	w.expect(redis1)
}

func TestWatchOfABindingBeginsWithoutANamespace(t *testing.T) {
	r := start(t, options{files: simple().files})
	w := r.watch("bind/default?path=/svc/redis1&watch=true")
	w.expect(neg)
	r.put("default", "/svc=>/#/io.l5d.fs")
	w.expect(redis1)
	if err := r.store.Delete(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	w.expect(neg)
}

func TestWatchOfAddressesSendsEachOther(t *testing.T) {
	r := start(t, simple())
	w := r.watch("resolve/default?path=/svc/redis1&watch=true")
	w.expect(addr1)
	r.write("redis1", "# the same\n127.0.0.1 6379\n")
	r.write("redis1", "127.0.0.1 6380\n")
	w.expect(addr2)
	r.put("default", "/svc=>/#/io.l5d.fs;/svc/redis1=>/#/io.l5d.fs/redis2") // another name, with the same addresses
	r.put("default", "/svc=>!")
	w.expect(neg)
}

func TestWatchOfBoundNamesSendsEachOther(t *testing.T) {
	r := start(t, options{})
	w := r.watch("bound-names?watch=true")
	w.expect(`[]`)
	r.write("b", "")
	w.expect(`["/#/io.l5d.fs/b"]`)
	r.write("a b", "")
	w.expect(`["/#/io.l5d.fs/\\x61\\x20\\x62","/#/io.l5d.fs/b"]`)
}

func TestAnErrorIsTheEndOfAWatch(t *testing.T) {
	r := start(t, simple())
	w := r.watch("bind/default?path=/svc/redis1&watch=true")
	w.expect(redis1)
	r.put("default", "/svc=>/svc")
	w.expect("Max recursion level: 100 reached in Namer lookup")
	w.ends()
	w = r.watch("addr/default?path=/$/fail&watch=true")
	w.expect("name tree failed")
	w.ends()
}

// gate is a namer that knows nothing until it is opened.
type gate struct {
	mu      sync.Mutex
	open    bool
	updates []func()
}

func (g *gate) Watch(path dtab.Path, update func(namer.State)) (stop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	tell := func() { update(namer.BoundTo(path, len(path), namer.Addr{State: namer.AddrBound})) }
	if g.open {
		tell()
	} else {
		g.updates = append(g.updates, tell)
	}
	return func() {}
}

func (g *gate) unlock() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	for _, update := range g.updates {
		update()
	}
}

func TestWhatIsNotKnownIsWaitedFor(t *testing.T) {
	g := &gate{}
	o := simple()
	o.mounts = []namer.Mount{{Prefix: dtab.Path{"#", "gate"}, Namer: g}}
	o.wait = 50 * time.Millisecond
	r := start(t, o)
	for _, path := range []string{
		"bind/default?path=/%23/gate/x",
		"bind/default?path=/a&dtab=/a=>/%23/gate/x%26/svc/redis1", // not the branch that is known alone
		"resolve/default?path=/%23/gate/x",
		"addr/default?path=/%23/gate/x",
	} {
		if code, body := r.get(path); code != http.StatusServiceUnavailable || body != "Request timed out." {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	w := r.watch("bind/default?path=/%23/gate/x&watch=true")
	g.unlock()
	w.expect(`{"type":"leaf","bound":{"addr":{"type":"bound","addrs":[],"meta":{}},"id":"/#/gate/x","path":"/"}}`)
	if code, body := r.get("resolve/default?path=/%23/gate/x"); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
}

func (r *rig) get(path string) (code int, body string) {
	r.t.Helper()
	response, err := http.Get("http://" + r.addr + "/api/1/" + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestAnEndOfTheServerIsTheEndOfWatches(t *testing.T) {
	r := start(t, simple())
	watches := []*watch{
		r.watch("dtabs?watch=true"), r.watch("dtabs/default?watch=true"), r.watch("dtabs/none?watch=true"),
		r.watch("bind/default?path=/svc/redis1&watch=true"), r.watch("bound-names?watch=true"),
	}
	for i, w := range watches {
		if i != 2 {
			w.next()
		}
	}
	r.end()
	for _, w := range watches {
		w.ends()
	}
}

func TestEachOfAThousandWatchersGetsAChange(t *testing.T) {
	const watchers = 1000
	r := start(t, simple())
	var all []*watch
	for range watchers {
		all = append(all, r.watch("resolve/default?path=/svc/redis1&watch=true"))
	}
	for _, w := range all {
		w.expect(addr1)
	}
	r.put("default", "/svc=>/#/io.l5d.fs;/svc/redis1=>/#/io.l5d.fs/redis2")
	for _, w := range all {
		w.expect(addr2)
	}
}

// A watcher that does not read holds up nobody, and gets the newest when it does.
// A watch is one goroutine of ours: that of its request. net/http has another for
// each connection, which notices that the client is gone.
func TestAWatchCostsOneGoroutine(t *testing.T) {
	const watchers, each = 100, 2
	for _, path := range []string{
		"dtabs?watch=1", "dtabs/default?watch=1", "bind/default?path=/svc/redis1&watch=1",
		"resolve/default?path=/svc/redis1&watch=1", "addr/default?path=/%23/io.l5d.fs/redis1&watch=1", "bound-names?watch=1",
	} {
		r := start(t, simple())
		r.watch(path).next() // what all watches share
		before := runtime.NumGoroutine()
		for range watchers {
			conn, err := net.Dial("tcp", r.addr) // without a goroutine of the client's
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /api/1/%s HTTP/1.1\r\nHost: namerd\r\n\r\n", path)
			lines := bufio.NewScanner(conn)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "[") && !strings.HasPrefix(lines.Text(), "{") { // the first value
			}
			if lines.Text() == "" {
				t.Fatalf("%s: the stream ended: %v", path, lines.Err())
			}
		}
		if more := runtime.NumGoroutine() - before; more > each*watchers+5 {
			t.Errorf("%s: %d watches cost %d goroutines", path, watchers, more)
		}
		r.end()
	}
}

func TestASlowWatcherGetsTheNewest(t *testing.T) {
	const versions = 3000
	long := strings.Repeat("x", 10_000)
	r := start(t, simple())
	slow := r.watch("dtabs/default?watch=true")
	slow.lines.Buffer(nil, 1<<20)
	quick := r.watch("dtabs/default?watch=true")
	quick.lines.Buffer(nil, 1<<20)
	last := fmt.Sprintf(`[{"prefix":"/%s%d","dst":"/a"}]`, long, versions)
	for i := 1; i <= versions; i++ {
		r.put("default", fmt.Sprintf("/%s%d=>/a", long, i))
	}
	for quick.next() != last {
	}
	seen := 1
	for slow.next() != last {
		seen++
	}
	if seen >= versions {
		t.Errorf("a watcher that did not read was sent %d of %d versions", seen, versions)
	}
}

// BenchmarkThousandWatchers measures how long it takes until the last of 1,000
// watchers has read a change of the table, its own share of the work included.
func BenchmarkThousandWatchers(b *testing.B) {
	const watchers = 1000
	r := start(b, simple())
	got := make(chan string, watchers)
	for range watchers {
		w := r.watch("resolve/default?path=/svc/redis1&watch=true")
		w.expect(addr1)
		go func() {
			for w.lines.Scan() {
				got <- w.lines.Text()
			}
			got <- fmt.Sprintf("a watch has ended: %v", w.lines.Err()) // as each does after patience
		}()
	}
	changes := []struct{ table, addr string }{{"/svc=>/#/io.l5d.fs;/svc/redis1=>/#/io.l5d.fs/redis2", addr2}, {"/svc=>/#/io.l5d.fs", addr1}}
	var longest time.Duration
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		r.put("default", changes[i%2].table)
		for range watchers {
			if line := <-got; line != changes[i%2].addr {
				b.Fatal(line)
			}
		}
		longest = max(longest, time.Since(begin))
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest")
}
