//go:build acceptance

package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prow-ci/prow/postgres"
)

// server is a Postgres of our own, in a folder of its own, reached by a socket
// in it. Postgres refuses to run as root; then it runs as the user postgres.
type server struct {
	dir       string
	bin       string
	as        *syscall.Credential
	databases atomic.Int64
	leash     io.Closer // of the guard
}

var shared server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prow-pg-") // short: it is the path of a socket
	if err == nil {
		defer os.RemoveAll(dir)
		shared.dir = dir
		err = shared.make()
	}
	if err == nil {
		defer shared.pgctl("stop", "-m", "immediate")
		err = shared.pgctl("start")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// newServer is one that a test may stop.
func newServer(t testing.TB) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "prow-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{dir: dir}
	if err := s.make(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.pgctl("stop", "-m", "immediate") })
	s.start(t)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	if err := s.pgctl("start"); err != nil {
		t.Fatal(err)
	}
}

func (s *server) stop(t testing.TB) {
	t.Helper()
	if err := s.pgctl("stop", "-m", "immediate"); err != nil {
		t.Fatal(err)
	}
}

// make finds the programs and makes an empty cluster.
func (s *server) make() error {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's place
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no Postgres in /usr/lib/postgresql: run scripts/install")
	}
	s.bin = filepath.Dir(found[len(found)-1])
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(u.Uid) // numbers, on any Unix
		gid, _ := strconv.Atoi(u.Gid)
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(s.dir, uid, gid); err != nil {
			return err
		}
	}
	if err := s.run("sh", "-c", `cat >"$0"`, filepath.Join(s.dir, "password"), "\x00"+password+"\n"); err != nil {
		return err
	}
	if err := s.run("initdb", "-D", s.data(), "-A", "scram-sha-256", "-U", "postgres", "--pwfile="+filepath.Join(s.dir, "password"), "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"); err != nil {
		return err
	}
	settings := fmt.Sprintf("listen_addresses = ''\nunix_socket_directories = '%s'\nport = 5432\nmax_connections = 200\nshared_buffers = 128MB\n%s",
		s.dir, os.Getenv("PROW_TEST_POSTGRES_CONF"))
	if err := s.run("sh", "-c", `cat >>"$0"`, filepath.Join(s.data(), "postgresql.conf"), "\x00"+settings); err != nil {
		return err
	}
	return s.guard()
}

// guard starts a process that stops the server when this one ends, however it
// ends.
func (s *server) guard() error {
	c := exec.Command("sh", "-c", `cat; "$0/pg_ctl" stop -D "$1" -m immediate -s`, s.bin, s.data())
	c.Dir, c.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	var err error
	if s.leash, err = c.StdinPipe(); err != nil {
		return err
	}
	return c.Start()
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

const password = "s3cr%t/@:word"

// run runs a program of Postgres, or another. A last argument that begins with a
// zero is its input.
func (s *server) run(name string, args ...string) error {
	input := ""
	if n := len(args) - 1; n >= 0 && strings.HasPrefix(args[n], "\x00") {
		input, args = args[n][1:], args[:n]
	}
	path := filepath.Join(s.bin, name)
	if _, err := os.Stat(path); err != nil {
		path = name
	}
	c := exec.Command(path, args...)
	c.Dir, c.Stdin = s.dir, strings.NewReader(input)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out.String())
	}
	return nil
}

func (s *server) pgctl(verb string, more ...string) error {
	args := []string{verb, "-D", s.data(), "-w", "-s"}
	if verb == "start" {
		args = append(args, "-l", filepath.Join(s.dir, "log"))
	}
	return s.run("pg_ctl", append(args, more...)...)
}

// url names a database of the server.
func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@/%s?host=%s", "s3cr%25t%2F%40%3Aword", database, s.dir)
}

// database makes an empty one and returns its URL.
func (s *server) database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("d", s.databases.Add(1))
	s.exec(t, "postgres", "CREATE DATABASE "+name)
	return s.url(name)
}

// exec runs SQL as somebody who is not Prow.
func (s *server) exec(t testing.TB, database, sql string) {
	t.Helper()
	url := database
	if !strings.Contains(url, "://") {
		url = s.url(database)
	}
	ctx := context.Background() // also in a cleanup
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
