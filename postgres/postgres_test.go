//go:build acceptance

package postgres_test

import (
	"fmt"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/postgres"
	"github.com/prow-ci/prow/prowtest"
)

func TestInbox(t *testing.T) {
	t.Parallel()
	prowtest.Inbox(t, func(t *testing.T) (prow.Inbox, func() prow.Inbox) {
		url := shared.database(t)
		db := postgres.OpenShort(t, url)
		return db.Inbox, func() prow.Inbox {
			postgres.Kill(t, db)
			return postgres.OpenShort(t, url).Inbox
		}
	})
}

func TestMemory(t *testing.T) {
	t.Parallel()
	prowtest.Memory(t, func(t *testing.T) prow.Memory { return open(t, shared.database(t)).Memory })
}

func TestJournal(t *testing.T) {
	t.Parallel()
	prowtest.Journal(t, func(t *testing.T) prow.Journal { return open(t, shared.database(t)).Journal })
}

func TestOldNotesAreForgotten(t *testing.T) {
	t.Parallel()
	db := open(t, shared.database(t))
	at := prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: 1}
	for _, days := range []int{100, 80} {
		n := prow.Note{Where: at, Who: "x", Kind: "event", Text: fmt.Sprint(days), At: time.Now().AddDate(0, 0, -days)}
		if err := db.Journal.Record(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	postgres.ForgetNotes(t, db)
	if notes, err := db.Journal.Notes(t.Context(), at, 0); err != nil || len(notes) != 1 || notes[0].Text != "80" {
		t.Errorf("%v, %v", notes, err)
	}
}
