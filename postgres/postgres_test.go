//go:build acceptance

package postgres_test

import (
	"testing"

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
