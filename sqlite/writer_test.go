package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func opened(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "prow.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// What has to survive a power cut is synced, whatever was written before it.
func TestDurableWritesAreSynced(t *testing.T) {
	t.Parallel()
	db := opened(t)
	for _, durable := range []bool{false, true, false, true, true, false} {
		var level int
		err := db.write.commit(t.Context(), durable, func(w *writer) error {
			return w.conn.QueryRowContext(context.Background(), "PRAGMA synchronous").Scan(&level)
		}, nil)
		if want := map[bool]int{false: 1, true: 2}[durable]; err != nil || level != want {
			t.Errorf("durable %v: synchronous is %d, want %d: %v", durable, level, want, err)
		}
	}
}

// One write that fails, or panics, takes nothing of the others with it.
func TestABadWriteStandsAlone(t *testing.T) {
	t.Parallel()
	db := opened(t)
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = db.write.commit(context.Background(), false, func(*writer) error { close(held); <-hold; return nil }, nil)
	}()
	<-held // what comes now waits and makes one batch
	put := func(name string, then func() error) chan error {
		done := make(chan error, 1)
		go func() {
			done <- db.write.commit(context.Background(), false, func(w *writer) error {
				if err := w.exec(`INSERT INTO memory VALUES (?, x'00')`, name); err != nil {
					return err
				}
				return then()
			}, nil)
		}()
		return done
	}
	good := put("good", func() error { return nil })
	bad := put("bad", func() error { return errors.New("no") })
	worse := put("worse", func() error { panic("a bug") })
	close(hold)
	if err := <-good; err != nil {
		t.Errorf("good: %v", err)
	}
	if err := <-bad; err == nil || err.Error() != "no" {
		t.Errorf("bad: %v", err)
	}
	if err := <-worse; err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("worse: %v", err)
	}
	names, err := db.Memory.Names(t.Context(), "")
	if err != nil || strings.Join(names, " ") != "good" {
		t.Errorf("written is %q, %v", names, err)
	}
}
