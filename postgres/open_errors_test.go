//go:build acceptance

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/postgres"
)

func TestManyProcessesStartAtOnce(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { open(t, url) })
	}
	all.Wait()
}

func TestASchemaThatTheAdministratorMadeIsEnough(t *testing.T) {
	t.Parallel()
	url := shared.database(t)
	name := databaseOf(url)
	shared.exec(t, url, `CREATE ROLE `+name+` LOGIN PASSWORD 'x'; CREATE SCHEMA prow AUTHORIZATION `+name)
	db := open(t, strings.Replace(url, "postgres:s3cr%25t%2F%40%3Aword@", name+":x@", 1))
	if err := db.Memory.Save(t.Context(), "a", []byte("b")); err != nil {
		t.Error(err)
	}
	if err := db.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestURLsThatDoNotWork(t *testing.T) {
	t.Parallel()
	newer := shared.database(t)
	if err := open(t, newer).Close(); err != nil {
		t.Fatal(err)
	}
	shared.exec(t, newer, `UPDATE prow.schema SET version = 99`)
	limited := shared.database(t)
	shared.exec(t, limited, `CREATE ROLE limited LOGIN PASSWORD 'hunter2'`)
	host := "?host=" + shared.dir
	for _, c := range []struct{ name, url, want string }{
		{"no URL", "nonsense hunter2", "want postgres://"},
		{"a raw password", "postgres://u:hun/ter2@h/d", "want postgres://"},
		{"a wrong port", "postgres://u:hunter2@h:port/d", "want postgres://"},
		{"a wrong option", "postgres://u:hunter2@h/d?sslmode=hunter2", "want postgres://"},
		{"a wrong pool", "postgres://u:hunter2@h/d?pool_max_conns=hunter2", "want postgres://"},
		{"a wrong password", "postgres://postgres:hunter2@/postgres" + host, "refuses the login"},
		{"no such database", shared.url("none"), "createdb"},
		{"no rights", "postgres://limited:hunter2@/" + databaseOf(limited) + host, "make it the owner"},
		{"a newer Prow's", newer, "a newer Prow wrote it (schema 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			db, err := postgres.Open(t.Context(), c.url, slog.New(slog.NewTextHandler(&log, nil)))
			if err == nil {
				_ = db.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open = %v; want %q", err, c.want)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				said := fmt.Sprint(e, log.String())
				for _, secret := range []string{"hunter2", "hun/", "ter2", password, "s3cr"} {
					if strings.Contains(said, secret) {
						t.Errorf("a secret is told: %s", said)
					}
				}
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := postgres.Open(ctx, "postgres://u:hunter2@/d?host="+t.TempDir(), nil)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Open = %v", err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	db := open(t, shared.database(t))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range db.Inbox.Watch(t.Context()) {
			continue
		}
	}()
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	<-ended
	if _, err := db.Inbox.Accept(t.Context(), delivery("a", 1)); err == nil {
		t.Error("Accept after Close worked")
	}
	if _, err := db.Memory.Load(t.Context(), "a"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load after Close = %v", err)
	}
}

// What comes from outside is not always text as Postgres has it.
func TestStrangeText(t *testing.T) {
	t.Parallel()
	db := open(t, shared.database(t))
	d := delivery("a", 1)
	d.By, d.Action, d.Body = "zero\x00", "\xff", []byte("\x00\xff\n{")
	d.Header = map[string][]string{"X": {"\x00"}}
	if fresh, err := db.Inbox.Accept(t.Context(), d); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	got, err := db.Inbox.Delivery(t.Context(), "a")
	if err != nil || string(got.Body) != string(d.Body) || got.Header.Get("X") != "\x00" {
		t.Errorf("%+v, %v", got, err)
	}
	got.State, got.Error = prow.DeliveryDead, "\x00"
	got.Results = []prow.Result{{Plugin: "p", Error: "\x00\xff"}}
	if err := db.Inbox.Settle(t.Context(), got); err != nil {
		t.Error(err)
	}
	n := prow.Note{Where: d.Where, Who: "x", Kind: "event", Text: "\x00\xff"}
	if err := db.Journal.Record(t.Context(), n); err != nil {
		t.Error(err)
	}
	if _, err := db.Inbox.Accept(t.Context(), delivery("\xff", 1)); err == nil {
		t.Error("an id that is no text was accepted")
	}
	// One that cannot be stored does not take those with it that come together.
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			id := fmt.Sprint("g", i)
			if i == 7 {
				id = "\x00"
			}
			_, err := db.Inbox.Accept(t.Context(), delivery(id, 2))
			if (err != nil) != (i == 7) {
				t.Errorf("%q: %v", id, err)
			}
		})
	}
	all.Wait()
}
