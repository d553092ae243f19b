// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/socket"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// owner has some listeners, and says what became of them.
type owner struct {
	t        *testing.T
	sockets  map[string]int
	released chan []string // the names of those that were kept
	told     chan error
}

func newOwner(t *testing.T, n int) *owner {
	t.Helper()
	o := &owner{t: t, sockets: map[string]int{}, released: make(chan []string, 1), told: make(chan error, 10)}
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		fd, err := socket.Duplicate(l.(*net.TCPListener))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		o.sockets[fmt.Sprintf("port/%d", i)] = fd
	}
	return o
}

// serve answers at path until the test ends.
func (o *owner) serve(path string) *HandOver {
	o.t.Helper()
	h, err := New(path)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := h.Publish(); err != nil {
		o.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.Serve(Owner{Sockets: o.copies, Release: o.release, Log: func(_ string, err error) { o.told <- err }})
	}()
	o.t.Cleanup(func() {
		h.Close()
		<-ended
	})
	return h
}

func (o *owner) copies() (map[string]int, error) {
	copies := map[string]int{}
	for name, fd := range o.sockets {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		copies[name] = own
	}
	return copies, nil
}

func (o *owner) release(kept func(name string) bool) {
	var names []string
	for name := range o.sockets {
		if kept(name) {
			names = append(names, name)
		}
	}
	o.released <- names
}

func TestTheNextProcessGetsTheSocketsItTakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	const many = 2*atOnce + 1 // sockets, for several messages
	o := newOwner(t, many)
	h := o.serve(path)
	if h.Inherited() || h.Held() {
		t.Error("there was nobody before, and nobody has come")
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%s: %v %v", path, info.Mode(), err)
	}
	next, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if !next.Inherited() || !h.Held() {
		t.Error("nothing is inherited")
	}
	for i := range many - 1 {
		l := next.Take(fmt.Sprintf("port/%d", i))
		if l == nil {
			t.Fatalf("no socket %d", i)
		}
		defer l.Close()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		got, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got.Close()
	}
	if next.Take("port/0") != nil || next.Take("port/x") != nil {
		t.Error("a socket came twice, or out of nowhere")
	}
	if err := next.Relieve(); err != nil {
		t.Fatal(err)
	}
	if kept := <-o.released; len(kept) != many-1 {
		t.Errorf("%d sockets are kept, want %d", len(kept), many-1)
	}
	if err := next.Publish(); err != nil {
		t.Fatal(err)
	}
	h.Close() // it must not take the path away, which is the other's
	if again, err := os.Lstat(path); err != nil || !os.SameFile(again, next.own) {
		t.Errorf("the path is not the next process's: %v", err)
	}
}

func TestAProcessThatEndsBeforeItServesChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	o := newOwner(t, 1)
	h := o.serve(path)
	for range 3 {
		next, err := New(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(path); err == nil || !strings.Contains(err.Error(), "another process is about to take over already") {
			t.Errorf("two take over at a time: %v", err)
		}
		next.Close()
		for deadline := time.Now().Add(patience); h.Held(); {
			if time.Now().After(deadline) {
				t.Fatal("it does not notice")
			}
			<-time.After(time.Millisecond)
		}
	}
	select {
	case kept := <-o.released:
		t.Errorf("released %v", kept)
	default:
	}
}

func TestNobodyListensOnASocketThatWasLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	h, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.Inherited() {
		t.Error("something is inherited from nobody")
	}
	if err := h.Publish(); err != nil {
		t.Error(err)
	}
}

func TestOnlyASocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(path); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "mine" {
		t.Errorf("the file has %q", text)
	}
	if _, err := New(filepath.Join(path, "nowhere", "s")); err == nil {
		t.Error("a directory that is not there will do")
	}
}

// TestWhatIsNoSocketIsNotTaken meets a process that says something else than is due.
func TestWhatIsNoSocketIsNotTaken(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null := int(file.Fd())
	for want, answer := range map[string]struct {
		text string
		fds  []int
	}{
		"it says: no":                   {`{"kind":"error","text":"no"}`, nil},
		`where "sockets" was due`:       {`{"kind":"serving"}`, nil},
		"is no TCP socket that listens": {`{"kind":"sockets","names":["a"]}`, []int{null}},
		"1 sockets for 2 names":         {`{"kind":"sockets","names":["a","b"]}`, []int{null}},
		"a message that is none":        {`sockets`, []int{null}},
		"EOF":                           {``, nil},
		"101 names in a message":        {string(names(t, atOnce+1)), nil},
		"a message is too long":         {`{"kind":"sockets","text":"` + strings.Repeat("x", maxMessage) + `"}`, nil},
	} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _, _ = receive(conn)
			if answer.text != "" {
				var rights []byte
				if answer.fds != nil {
					rights = unix.UnixRights(answer.fds...)
				}
				_, _, _ = conn.WriteMsgUnix([]byte(answer.text), rights, nil)
			}
		}()
		if _, err := New(path); err == nil || !strings.Contains(err.Error(), want) {
			if !(want == "a message is too long" && err != nil) { // cut off, it does not parse
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
}

func names(t *testing.T, n int) []byte {
	t.Helper()
	m := message{Kind: kindSockets}
	for i := range n {
		m.Names = append(m.Names, fmt.Sprint(i))
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOnlyTheOwnUserAndRootAreTrusted(t *testing.T) {
	for _, c := range []struct {
		peer, own int
		good      bool
	}{{1000, 1000, true}, {0, 1000, true}, {0, 0, true}, {1001, 1000, false}, {1000, 0, false}} {
		if err := trusted(c.peer, c.own); (err == nil) != c.good {
			t.Errorf("user %d to user %d: %v", c.peer, c.own, err)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"kind":"sockets","names":["port/127.0.0.1:80"],"more":true}`))
	f.Add([]byte(`{"kind":"ask","version":1}`))
	f.Add([]byte(`{"kind":"error","text":"busy"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text)
		if err == nil && len(m.Names) > atOnce {
			t.Errorf("%d names", len(m.Names))
		}
		_ = m.expect(kindSockets)
	})
}
