// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wye-dev/wye/test/ports"
)

func TestPostgreSQL(t *testing.T) {
	psql := program(t, "psql", "postgresql-client")
	dump := program(t, "pg_dump", "postgresql-client")
	server := startPostgres(t)
	through := proxied(t, server)
	script, err := os.ReadFile("testdata/session.sql")
	if err != nil {
		t.Fatal(err)
	}
	// at says how a port is reached.
	at := func(port int, args ...string) []string {
		return append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "postgres", "-w"}, args...)
	}
	admin := func(sql string) { run(t, "", psql, at(server, "-X", "-q", "-d", "postgres", "-c", sql)...) }

	// One session: what psql shows, its errors among it, and what is in the database then.
	session := func(port int) (shown, dumped string) {
		admin("DROP DATABASE IF EXISTS story")
		admin("CREATE DATABASE story TEMPLATE template0")
		shown = run(t, string(script), "sh", append([]string{"-c", `exec "$0" "$@" 2>&1`, psql}, at(port, "-X", "-a", "-d", "story")...)...)
		return shown, withoutKey(run(t, "", dump, at(port, "-d", "story")...))
	}
	shown, dumped := session(server)
	shownThrough, dumpedThrough := session(through)
	same(t, "psql", shown, shownThrough)
	same(t, "pg_dump", dumped, dumpedThrough)
	if len(shown) < 1<<20 || len(dumped) < 1<<20 || !strings.Contains(shown, "the session has come to its end") {
		t.Errorf("the session is not what it should be: %d bytes, ending in %s", len(shown), last(shown))
	}
}

// withoutKey leaves out the lines with a key that pg_dump makes anew each time.
func withoutKey(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		if !strings.HasPrefix(line, `\restrict `) && !strings.HasPrefix(line, `\unrestrict `) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// startPostgres starts a server with a new cluster, and returns its port.
func startPostgres(t *testing.T) int {
	t.Helper()
	bin := postgresPrograms(t)
	base := t.TempDir()
	data := filepath.Join(base, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	command := asOrdinaryUser(t, base, data)
	initdb := command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	port := ports.Free(t)
	serve(t, command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", "", "-F"), "ready to accept connections")
	return port
}

// postgresPrograms is where the server's programs are, which Debian has not on the PATH.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return filepath.Dir(program(t, "initdb", "postgresql"))
	}
	return filepath.Dir(found[len(found)-1])
}

// asOrdinaryUser gives commands that do not run as root, which PostgreSQL refuses,
// and gives them data, which is within base.
func asOrdinaryUser(t *testing.T, base, data string) func(name string, args ...string) *exec.Cmd {
	t.Helper()
	attributes := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatalf("this test needs a user postgres (package postgresql): %v", err)
		}
		var uid, gid uint32
		if _, err := fmt.Sscan(u.Uid+" "+u.Gid, &uid, &gid); err != nil {
			t.Fatal(err)
		}
		attributes.Credential = &syscall.Credential{Uid: uid, Gid: gid}
		if err := os.Chown(data, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{base, filepath.Dir(base)} { // of this test alone
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return func(name string, args ...string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), name, args...)
		command.SysProcAttr, command.Dir = attributes, data
		return command
	}
}
