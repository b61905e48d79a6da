package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// noun is whatever is kept as one document.
type noun interface {
	key() (kind string, id int64)
}

const schema = `
CREATE TABLE IF NOT EXISTS doc (kind TEXT NOT NULL, id INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (id));
CREATE TABLE IF NOT EXISTS delivery (
	id INTEGER PRIMARY KEY, hook INTEGER NOT NULL, guid TEXT NOT NULL, event TEXT NOT NULL, action TEXT NOT NULL,
	repo INTEGER NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0,
	redelivery INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,
	took REAL NOT NULL DEFAULT 0, code INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL DEFAULT '',
	reqheader TEXT NOT NULL DEFAULT '', resheader TEXT NOT NULL DEFAULT '', response TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS delivery_owed ON delivery (hook, id) WHERE done = 0;
CREATE INDEX IF NOT EXISTS delivery_hook ON delivery (hook, id);
`

// openDB opens the file in dir.
func openDB(ctx context.Context, dir string) (*sql.DB, error) {
	path := (&url.URL{Path: filepath.Join(dir, "sandbox.sqlite")}).EscapedPath()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("sandbox: open the state in %s: %w", dir, err)
	}
	return db, nil
}

// load reads all documents. Accounts come first: what belongs to them is found
// by their names.
func load(ctx context.Context, db *sql.DB, s *state) error {
	rows, err := db.QueryContext(ctx, `SELECT kind, id, body FROM doc ORDER BY kind <> 'account', id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var id int64
		var body []byte
		if err := rows.Scan(&kind, &id, &body); err != nil {
			return err
		}
		n, err := blank(kind)
		if err == nil {
			err = json.Unmarshal(body, n)
		}
		if err != nil {
			return fmt.Errorf("sandbox: document %s %d: %w", kind, id, err)
		}
		s.add(n)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return db.QueryRowContext(ctx, `SELECT max(?, coalesce(max(id), 0)) FROM delivery`, s.maxID).Scan(&s.maxID)
}

func blank(kind string) (noun, error) {
	switch kind {
	case "account":
		return &account{}, nil
	case "team":
		return &team{}, nil
	case "repo":
		return &repo{}, nil
	case "issue":
		return &issue{}, nil
	case "comment":
		return &comment{}, nil
	case "review":
		return &review{}, nil
	case "status":
		return &status{}, nil
	case "check":
		return &checkRun{}, nil
	case "event":
		return &event{}, nil
	case "hook":
		return &hook{}, nil
	case "app":
		return &app{}, nil
	case "installation":
		return &installation{}, nil
	case "workflow":
		return &workflowRun{}, nil
	}
	return nil, fmt.Errorf("unknown kind; the file was written by another version")
}

// tx is the right to change the state. What is changed is named with save and is
// on disk before write returns, together with the webhooks it causes.
type tx struct {
	*Forge
	dirty   []noun
	seen    map[noun]bool
	dropped []noun
	owed    []*delivery
}

// write runs change alone. change must look before it leaps: what it did before
// an error stays done.
func (f *Forge) write(ctx context.Context, change func(t *tx) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := &tx{Forge: f, seen: map[noun]bool{}}
	err := change(t)
	// A cancelled request must not leave memory and disk apart.
	if ferr := t.flush(context.WithoutCancel(ctx)); ferr != nil {
		return ferr
	}
	return err
}

// read runs look while nothing changes.
func (f *Forge) read(look func() error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return look()
}

// save marks n as changed, and files it if it is new.
func (t *tx) save(n noun) {
	if !t.seen[n] {
		t.seen[n] = true
		t.dirty = append(t.dirty, n)
	}
	switch n := n.(type) { // what is shown of the repository changes with it
	case *repo:
		t.shown.Delete(n.ID)
	case *issue:
		t.shown.Delete(n.Repo)
	}
}

// create files a new noun.
func (t *tx) create(n noun) {
	t.st.add(n)
	t.save(n)
}

// remove forgets n.
func (t *tx) remove(n noun) {
	t.st.drop(n)
	t.dropped = append(t.dropped, n)
}

func (t *tx) flush(ctx context.Context) error {
	if len(t.dirty)+len(t.dropped)+len(t.owed) == 0 {
		return nil
	}
	t.dbmu.Lock()
	defer t.dbmu.Unlock()
	db, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sandbox: write the state: %w", err)
	}
	defer func() { _ = db.Rollback() }()
	for _, n := range t.dirty {
		kind, id := n.key()
		body, err := json.Marshal(n)
		if err != nil {
			return err
		}
		if _, err := db.StmtContext(ctx, t.put).ExecContext(ctx, kind, id, body); err != nil {
			return fmt.Errorf("sandbox: write %s %d: %w", kind, id, err)
		}
	}
	for _, n := range t.dropped {
		_, id := n.key()
		if _, err := db.ExecContext(ctx, `DELETE FROM doc WHERE id = ?`, id); err != nil {
			return err
		}
	}
	for _, d := range t.owed {
		if _, err := db.ExecContext(ctx, `INSERT INTO delivery (id, hook, guid, event, action, repo, body, created, redelivery) VALUES (?,?,?,?,?,?,?,?,?)`,
			d.ID, d.Hook, d.GUID, d.Event, d.Action, d.Repo, d.Body, d.Created.UnixNano(), d.Redelivery); err != nil {
			return fmt.Errorf("sandbox: store a delivery: %w", err)
		}
	}
	if err := db.Commit(); err != nil {
		return fmt.Errorf("sandbox: write the state: %w", err)
	}
	for _, d := range t.owed {
		t.post.wake(d.Hook)
	}
	t.news.tell()
	return nil
}

// id gives the next id; no two nouns share one.
func (t *tx) id() int64 {
	t.st.maxID++
	return t.st.maxID
}
