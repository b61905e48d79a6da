package postgres

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// OpenShort opens with a lease so short that a test can wait for its end.
func OpenShort(t testing.TB, url string) *DB {
	t.Helper()
	db, err := open(t.Context(), url, slog.New(slog.NewTextHandler(t.Output(), nil)), 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Kill ends db as a power cut would: nothing is given back. It returns when its
// lease has run out.
func Kill(t testing.TB, db *DB) {
	t.Helper()
	db.once.Do(func() {})
	db.stop()
	db.Inbox.hub.Close()
	db.running.Wait()
	for {
		var alive bool
		err := db.pool.QueryRow(context.Background(), `SELECT EXISTS (SELECT FROM prow.replicas WHERE id = $1 AND until >= clock_timestamp())`, db.replica.id).Scan(&alive)
		if err != nil {
			t.Fatal(err)
		}
		if !alive {
			break
		}
	}
	db.pool.Close()
}

// Forget makes db's lease run out, as the others see it.
func Forget(t testing.TB, db *DB) {
	t.Helper()
	if _, err := db.pool.Exec(t.Context(), `DELETE FROM prow.replicas WHERE id = $1`, db.replica.id); err != nil {
		t.Fatal(err)
	}
}

// ForgetNotes deletes old notes, now.
func ForgetNotes(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Journal.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
}
