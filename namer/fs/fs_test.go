// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/inet"
)

// show is a short text of a state.
func show(s namer.State) string {
	switch {
	case s.Err != nil:
		return "error: " + s.Err.Error()
	case s.Tree.Kind == dtab.Neg:
		return "neg"
	}
	bound := s.Tree.Leaf.Bound
	texts := []string{bound.ID.String()}
	if len(bound.Residual) > 0 {
		texts = append(texts, "residual "+bound.Residual.String())
	}
	if s.Addr.State == namer.AddrFailed {
		texts = append(texts, "failed: "+s.Addr.Cause)
	}
	for _, e := range s.Addr.Endpoints {
		texts = append(texts, e.Addr.String())
		if e.Weight != 1 {
			texts = append(texts, fmt.Sprintf("* %v", e.Weight))
		}
	}
	return strings.Join(texts, " ")
}

// phoneBook looks up hosts for tests, and counts.
type phoneBook struct {
	mu      sync.Mutex
	answers map[string]inet.Answer
	lookups int
}

func (p *phoneBook) Lookup(_ context.Context, host string) inet.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookups++
	return p.answers[host]
}

// set says what is known of the host redis1.
func (p *phoneBook) set(err error, addrs ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := inet.Answer{V4: inet.Records{Err: err}}
	for _, a := range addrs {
		answer.V4.Addrs = append(answer.V4.Addrs, netip.MustParseAddr(a))
	}
	p.answers["redis1"] = answer
}

func (p *phoneBook) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lookups
}

// disco is a directory of addresses that a table follows.
type disco struct {
	t     *testing.T
	root  string
	hosts *phoneBook
	table *namer.Table
	rang  chan struct{}
	paths []dtab.Path
}

func open(t *testing.T, root string) *disco {
	t.Helper()
	d := &disco{t: t, root: root, rang: make(chan struct{}, 1), hosts: &phoneBook{answers: map[string]inet.Answer{}}}
	n, err := New(Options{Root: root, Hosts: d.hosts})
	if err != nil {
		t.Fatal(err)
	}
	d.table, err = namer.NewTable(func(string) {
		select {
		case d.rang <- struct{}{}:
		default:
		}
	}, n.Mount())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// expect waits until a name, given without the prefix, is as wanted.
func (d *disco) expect(name, want string) {
	d.t.Helper()
	path := dtab.MustParsePath("/#/io.l5d.fs" + name)
	d.paths = append(d.paths, path)
	d.table.Want("test", d.paths)
	// A change that no event told would show after regularCheck.
	deadline := time.After(regularCheck - time.Second)
	for {
		state, ok := d.table.View().State(path)
		if ok && show(state) == want {
			return
		}
		select {
		case <-d.rang:
		case <-deadline:
			d.t.Fatalf("%s: known %v, %q; want %q", name, ok, show(state), want)
		}
	}
}

func (d *disco) do(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *disco) at(name string) string { return filepath.Join(d.root, name) }

// write writes a file in place, with its directories.
func (d *disco) write(name, text string) {
	d.t.Helper()
	d.do(os.MkdirAll(filepath.Dir(d.at(name)), 0o700))
	d.do(os.WriteFile(d.at(name), []byte(text), 0o600))
}

func (d *disco) link(target, name string) {
	d.t.Helper()
	d.do(os.Symlink(target, d.at(name)))
}

func (d *disco) rename(from, to string) {
	d.t.Helper()
	d.do(os.Rename(d.at(from), d.at(to)))
}

func (d *disco) remove(name string) {
	d.t.Helper()
	d.do(os.RemoveAll(d.at(name)))
}

func TestFileComesAndChangesAndGoes(t *testing.T) {
	d := open(t, t.TempDir())
	d.expect("/redis", "neg")
	d.write("redis", "127.1 6379\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:6379")
	d.expect("/redis/rest/of", "/#/io.l5d.fs/redis residual /rest/of 127.0.0.1:6379")
	d.write("redis", "127.1 6379 * 3\n::1 6379 * 0.5\n10.0.0.1 1 * 0\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:6379 * 3 [::1]:6379 * 0.5")
	d.write("redis", "127.1\n")
	d.expect("/redis", "/#/io.l5d.fs/redis failed: malformed address: 127.1")
	d.write("redis", "# nobody\n")
	d.expect("/redis", "/#/io.l5d.fs/redis")
	d.write("redis", strings.Repeat("127.1 1\n", maxSize/8+1))
	d.expect("/redis", fmt.Sprintf("/#/io.l5d.fs/redis failed: /#/io.l5d.fs/redis is longer than %d bytes", maxSize))
	d.remove("redis")
	d.expect("/redis", "neg")
	d.expect("/redis/rest/of", "neg")
	d.write("redis", "127.1 6380\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:6380")
}

func TestFileRenamedOverAnother(t *testing.T) {
	d := open(t, t.TempDir())
	d.write("redis", "127.1 1\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:1")
	for _, port := range []string{"2", "3"} {
		d.write(".redis.tmp", "127.1 "+port+"\n")
		d.rename(".redis.tmp", "redis")
		d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:"+port)
	}
}

func TestDirectories(t *testing.T) {
	d := open(t, t.TempDir())
	d.expect("/prod/eu/redis", "neg")
	d.write("prod/eu/redis", "127.1 1\n")
	d.expect("/prod/eu/redis", "/#/io.l5d.fs/prod/eu/redis 127.0.0.1:1")
	d.expect("/prod/eu/redis/rest", "/#/io.l5d.fs/prod/eu/redis residual /rest 127.0.0.1:1")
	d.expect("/prod/eu", "neg")
	d.expect("/prod", "neg")

	d.remove("prod")
	d.expect("/prod/eu/redis", "neg")
	d.write("prod/eu/redis", "127.1 2\n")
	d.expect("/prod/eu/redis", "/#/io.l5d.fs/prod/eu/redis 127.0.0.1:2")

	d.rename("prod", "old")
	d.expect("/prod/eu/redis", "neg")
	d.expect("/old/eu/redis", "/#/io.l5d.fs/old/eu/redis 127.0.0.1:2")
	d.write("prod/eu/redis", "127.1 3\n")
	d.expect("/prod/eu/redis", "/#/io.l5d.fs/prod/eu/redis 127.0.0.1:3")
	d.write("prod/eu/redis", "127.1 4\n")
	d.expect("/prod/eu/redis", "/#/io.l5d.fs/prod/eu/redis 127.0.0.1:4")

	d.remove("prod")
	d.write("prod", "127.1 5\n") // a file in the place of the directory
	d.expect("/prod/eu/redis", "/#/io.l5d.fs/prod residual /eu/redis 127.0.0.1:5")
}

func TestConfigMapVolumes(t *testing.T) {
	d := open(t, t.TempDir())
	// As kubelet writes them: the files are links through ..data, which is swapped.
	publish := func(version, text string) {
		d.write("..v"+version+"/redis", text)
		d.link("..v"+version, "..data_tmp")
		d.rename("..data_tmp", "..data")
	}
	publish("1", "127.1 1\n")
	d.link("..data/redis", "redis")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:1")
	publish("2", "127.1 2\n")
	d.remove("..v1")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:2")
	publish("3", "127.1 3\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:3")
	d.expect("/..data/redis", "/#/io.l5d.fs/..data/redis 127.0.0.1:3")
	d.remove("redis")
	d.expect("/redis", "neg")
}

func TestSwapsLeaveNoGap(t *testing.T) {
	d := open(t, t.TempDir())
	d.write("..v0/redis", "127.1 1\n")
	d.link("..v0", "..data")
	d.link("..data/redis", "redis")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:1")
	path := dtab.MustParsePath("/#/io.l5d.fs/redis")
	gaps := make(chan string, 1)
	n, err := New(Options{Root: d.root})
	d.do(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	n.Watch(path, func(s namer.State) {
		if text := show(s); !strings.HasPrefix(text, "/#/io.l5d.fs/redis 127.0.0.1:") {
			select {
			case gaps <- text:
			default:
			}
		}
	})
	go func() { ended <- n.Run(ctx) }()
	for i := 1; i < 200; i++ {
		d.write(fmt.Sprintf("..v%d/redis", i), fmt.Sprintf("127.1 %d\n", 1+i))
		d.link(fmt.Sprintf("..v%d", i), "..tmp")
		d.rename("..tmp", "..data")
		d.remove(fmt.Sprintf("..v%d", i-1))
	}
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:200")
	cancel()
	<-ended
	select {
	case text := <-gaps:
		t.Errorf("between swaps the name was %q", text)
	default:
	}
}

func TestNothingOutsideTheRootIsRead(t *testing.T) {
	outside := t.TempDir()
	root := filepath.Join(outside, "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	d := open(t, root)
	d.write("dir/inside", "127.1 1\n")
	d.write("../secret", "127.1 2\n")
	d.link("../secret", "escape")
	d.link("dir/../../secret", "detour")
	d.link("..", "up")
	d.link(outside+"/secret", "absolute")
	d.link(root+"/dir/inside", "absolute-inside")
	d.link("loop", "loop")
	d.link("missing", "dangling")
	d.link("dir/../dir/./inside", "winding")
	d.link("dir", "alias")
	d.link("winding/../dir/inside", "through-a-file")
	for _, name := range []string{
		"/escape", "/detour", "/up/secret", "/absolute", "/absolute-inside", "/loop", "/dangling", "/through-a-file",
		`/\x2e\x2e/secret`, "/../secret", "/dir/../dir/inside", "/./dir/inside", `/dir\x2finside`, `/..\x2fsecret`, `/a\x00b`,
		"/" + strings.Repeat("a", 300), "/dir", "/alias",
	} {
		d.expect(name, "neg")
	}
	d.expect("/winding", "/#/io.l5d.fs/winding 127.0.0.1:1")
	d.expect("/alias/inside", "/#/io.l5d.fs/alias/inside 127.0.0.1:1")
	d.expect("", "neg")
}

func TestWhatIsNeitherFileNorDirectoryIsNothing(t *testing.T) {
	d := open(t, t.TempDir())
	d.do(syscall.Mkfifo(d.at("pipe"), 0o600))
	d.expect("/pipe", "neg")
}

func TestHostsAreLookedUpWhenTheFileIsRead(t *testing.T) {
	d := open(t, t.TempDir())
	d.hosts.set(nil, "10.0.0.1", "10.0.0.2")
	d.write("redis", "redis1 6379 * 2\nunknown 6379\nredis1 80\n10.0.0.9 80\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 10.0.0.1:80 10.0.0.1:6379 * 2 10.0.0.2:80 10.0.0.2:6379 * 2 10.0.0.9:80")
	if n := d.hosts.count(); n != 2 {
		t.Errorf("%d lookups", n)
	}
	d.hosts.set(nil, "10.0.0.3")
	d.write("other", "127.1 1\n") // an event, but another file
	d.expect("/other", "/#/io.l5d.fs/other 127.0.0.1:1")
	d.write("redis", "redis1 6379\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 10.0.0.3:6379")
	d.hosts.set(errors.New("timed out"))
	d.write("redis", "redis1 6380\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 10.0.0.3:6380")
	d.hosts.set(nil, "10.0.0.4")
	d.write("redis", "redis1 6381\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 10.0.0.4:6381")
}

func TestLookupsThatFailedAreTriedAgain(t *testing.T) {
	book := &phoneBook{answers: map[string]inet.Answer{}}
	f := &Namer{hosts: book}
	book.set(errors.New("timed out"))
	c, hosts := content{taken: 1, text: "redis1 6379"}, addresses{}
	path := dtab.Path{"redis"}
	for _, step := range []struct {
		err     error
		addrs   []string
		want    string
		settled bool
	}{
		{errors.New("timed out"), nil, "/redis", false},
		{nil, []string{"10.0.0.1"}, "/redis 10.0.0.1:6379", true},
		{errors.New("timed out"), nil, "/redis 10.0.0.1:6379", false},
		{nil, nil, "/redis", true}, // denied
	} {
		book.set(step.err, step.addrs...)
		state, settled := f.state(t.Context(), path, c, hosts)
		if show(state) != step.want || settled != step.settled {
			t.Errorf("%v %v: got %q %v, want %q %v", step.err, step.addrs, show(state), settled, step.want, step.settled)
		}
	}
}

func TestRootThatIsGoneKeepsWhatWasKnown(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	d := open(t, root)
	d.write("redis", "127.1 1\n")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:1")
	d.do(os.Rename(root, root+"-away"))
	d.expect("/other", "error: open "+root+": no such file or directory")
	d.expect("/redis", "/#/io.l5d.fs/redis 127.0.0.1:1")
}

func TestRootMustBeADirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{file, filepath.Join(dir, "missing"), ""} {
		if _, err := New(Options{Root: root}); err == nil {
			t.Errorf("root %q is taken", root)
		}
	}
}

func TestStoppedNamesLeaveNothingBehind(t *testing.T) {
	dir := t.TempDir()
	f, err := New(Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	told := make(chan string, 100)
	stop := f.Watch(dtab.MustParsePath("/#/io.l5d.fs/redis"), func(s namer.State) { told <- show(s) })
	if got := <-told; got != "neg" {
		t.Errorf("told %q", got)
	}
	stop()
	if err := os.WriteFile(filepath.Join(dir, "redis"), []byte("127.1 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	next := f.Watch(dtab.MustParsePath("/#/io.l5d.fs/redis"), func(s namer.State) { told <- "next " + show(s) })
	if got := <-told; got != "next /#/io.l5d.fs/redis 127.0.0.1:1" {
		t.Errorf("told %q", got)
	}
	next()
	cancel()
	<-ended
	if len(told) != 0 || len(f.names) != 0 {
		t.Errorf("told %q after stop, names left: %v", <-told, f.names)
	}
}
