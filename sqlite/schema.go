package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks a file as ours: "prow".
const applicationID = 0x70726f77

// migrations lead from each schema version to the next. What is released is
// never edited; a change is another entry.
func migrations() []string { return []string{schema1} }

// Slim rows with what is searched, and the whole value beside them: a search
// through many rows reads few pages.
const schema1 = `
CREATE TABLE jobs (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	id       TEXT NOT NULL UNIQUE,
	version  INTEGER NOT NULL DEFAULT 1,
	created  INTEGER NOT NULL,
	type     TEXT NOT NULL,
	state    TEXT NOT NULL,
	complete INTEGER NOT NULL,
	job      TEXT NOT NULL,
	org      TEXT NOT NULL,
	repo     TEXT NOT NULL,
	base     TEXT NOT NULL,
	base_sha TEXT NOT NULL,
	cluster  TEXT NOT NULL,
	build    TEXT NOT NULL,
	queue    TEXT NOT NULL,
	hidden   INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_incomplete ON jobs (job) WHERE complete = 0;
CREATE INDEX jobs_state      ON jobs (state);
CREATE INDEX jobs_type       ON jobs (type);
CREATE INDEX jobs_job        ON jobs (job);
CREATE INDEX jobs_repo       ON jobs (org, repo);
CREATE INDEX jobs_base_sha   ON jobs (base_sha) WHERE base_sha <> '';
CREATE INDEX jobs_build      ON jobs (build) WHERE build <> '';
CREATE INDEX jobs_queue      ON jobs (queue) WHERE queue <> '';
CREATE INDEX jobs_created    ON jobs (created);

CREATE TABLE job_json (seq INTEGER PRIMARY KEY, json BLOB NOT NULL) STRICT;

CREATE TABLE job_pulls (
	seq    INTEGER NOT NULL,
	place  INTEGER NOT NULL,
	number INTEGER NOT NULL,
	sha    TEXT NOT NULL,
	author TEXT NOT NULL,
	PRIMARY KEY (seq, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_pulls_number ON job_pulls (number, seq);
CREATE INDEX job_pulls_sha    ON job_pulls (sha, seq);
CREATE INDEX job_pulls_author ON job_pulls (author, seq);

CREATE TABLE job_labels (
	name  TEXT NOT NULL,
	value TEXT NOT NULL,
	seq   INTEGER NOT NULL,
	PRIMARY KEY (name, value, seq)
) STRICT, WITHOUT ROWID;

-- How many jobs there are of each kind, kept by the triggers below, so that
-- counting does not read every job.
CREATE TABLE job_counts (
	type     TEXT NOT NULL,
	state    TEXT NOT NULL,
	complete INTEGER NOT NULL,
	job      TEXT NOT NULL,
	org      TEXT NOT NULL,
	repo     TEXT NOT NULL,
	cluster  TEXT NOT NULL,
	queue    TEXT NOT NULL,
	hidden   INTEGER NOT NULL,
	n        INTEGER NOT NULL,
	PRIMARY KEY (job, org, repo, type, state, complete, cluster, queue, hidden)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN
	INSERT INTO job_counts VALUES (new.type, new.state, new.complete, new.job, new.org, new.repo, new.cluster, new.queue, new.hidden, 1)
		ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER jobs_changed AFTER UPDATE OF type, state, complete, job, org, repo, cluster, queue, hidden ON jobs
WHEN (old.type, old.state, old.complete, old.job, old.org, old.repo, old.cluster, old.queue, old.hidden) IS NOT
     (new.type, new.state, new.complete, new.job, new.org, new.repo, new.cluster, new.queue, new.hidden) BEGIN
	UPDATE job_counts SET n = n - 1
		WHERE (job, org, repo, type, state, complete, cluster, queue, hidden) =
		      (old.job, old.org, old.repo, old.type, old.state, old.complete, old.cluster, old.queue, old.hidden);
	INSERT INTO job_counts VALUES (new.type, new.state, new.complete, new.job, new.org, new.repo, new.cluster, new.queue, new.hidden, 1)
		ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN
	UPDATE job_counts SET n = n - 1
		WHERE (job, org, repo, type, state, complete, cluster, queue, hidden) =
		      (old.job, old.org, old.repo, old.type, old.state, old.complete, old.cluster, old.queue, old.hidden);
	DELETE FROM job_counts WHERE n = 0
		AND (job, org, repo, type, state, complete, cluster, queue, hidden) =
		    (old.job, old.org, old.repo, old.type, old.state, old.complete, old.cluster, old.queue, old.hidden);
	DELETE FROM job_json   WHERE seq = old.seq;
	DELETE FROM job_pulls  WHERE seq = old.seq;
END;

CREATE TABLE deliveries (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	id       TEXT NOT NULL UNIQUE,
	event    TEXT NOT NULL,
	action   TEXT NOT NULL,
	org      TEXT NOT NULL,
	repo     TEXT NOT NULL,
	number   INTEGER NOT NULL,
	login    TEXT NOT NULL,
	received INTEGER NOT NULL,
	state    TEXT NOT NULL,
	tries    INTEGER NOT NULL DEFAULT 0,
	next     INTEGER NOT NULL DEFAULT 0,
	handled  INTEGER NOT NULL DEFAULT 0,
	results  TEXT NOT NULL DEFAULT '',
	error    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (seq) WHERE state = 'waiting';
CREATE INDEX deliveries_state   ON deliveries (state);
CREATE INDEX deliveries_where   ON deliveries (org, repo, number);
CREATE TABLE delivery_bodies (seq INTEGER PRIMARY KEY, header TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TRIGGER deliveries_removed AFTER DELETE ON deliveries BEGIN
	DELETE FROM delivery_bodies WHERE seq = old.seq;
END;

CREATE TABLE memory (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
	seq    INTEGER PRIMARY KEY AUTOINCREMENT,
	key    BLOB UNIQUE,
	org    TEXT NOT NULL,
	repo   TEXT NOT NULL,
	number INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	json   TEXT NOT NULL
) STRICT;
CREATE INDEX notes_where ON notes (org, repo, number, at);
CREATE INDEX notes_repo  ON notes (org, repo, at);
`

// migrate brings the file to the newest schema, in one transaction.
func migrate(ctx context.Context, c *sql.Conn) error {
	var version, owner int
	if err := c.QueryRowContext(ctx, `SELECT user_version, (SELECT application_id FROM pragma_application_id) FROM pragma_user_version`).Scan(&version, &owner); err != nil {
		return err
	}
	steps := migrations()
	switch {
	case version == len(steps) && owner == applicationID:
		return nil
	case version > len(steps) && owner == applicationID:
		return fmt.Errorf("a newer Prow wrote it (schema %d, this one knows %d): start that version, or choose another folder", version, len(steps))
	case owner != applicationID && (owner != 0 || version != 0):
		return fmt.Errorf("it is a database of another program: choose another file")
	}
	if owner == 0 {
		var tables int
		if err := c.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
			return err
		}
		if tables > 0 {
			return fmt.Errorf("it is a database of another program: choose another file")
		}
	}
	text := "BEGIN IMMEDIATE;"
	for _, s := range steps[version:] {
		text += s
	}
	text += fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;", applicationID, len(steps))
	if _, err := c.ExecContext(ctx, text); err != nil {
		_, _ = c.ExecContext(ctx, "ROLLBACK") // it may have ended by itself
		return err
	}
	return nil
}
