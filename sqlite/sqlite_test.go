package sqlite_test

import (
	"path/filepath"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/sqlite"
)

func open(t testing.TB) *sqlite.DB { return openAt(t, filepath.Join(t.TempDir(), "prow.db")) }

func openAt(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestJobs(t *testing.T) {
	t.Parallel()
	prowtest.Jobs(t, func(t *testing.T) prow.Jobs { return open(t).Jobs })
}

func TestInbox(t *testing.T) {
	t.Parallel()
	prowtest.Inbox(t, func(t *testing.T) (prow.Inbox, func() prow.Inbox) {
		path := filepath.Join(t.TempDir(), "prow.db")
		db := openAt(t, path)
		return db.Inbox, func() prow.Inbox {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return openAt(t, path).Inbox
		}
	})
}

func TestMemory(t *testing.T) {
	t.Parallel()
	prowtest.Memory(t, func(t *testing.T) prow.Memory { return open(t).Memory })
}

func TestJournal(t *testing.T) {
	t.Parallel()
	prowtest.Journal(t, func(t *testing.T) prow.Journal { return open(t).Journal })
}
