package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver
)

const (
	readers  = 4  // reads that run side by side
	maxTries = 40 // for the lock: two seconds
)

// DB is an open file. Its fields implement the ports of their names.
type DB struct {
	Jobs    *Jobs
	Inbox   *Inbox
	Memory  *Memory
	Journal *Journal

	once  sync.Once // of Close
	lock  *os.File
	write *writer
	read  *sql.DB
}

// Open opens the file at path, or makes it, and brings it to the newest schema.
// One process at a time may have it open; the lock goes with the process. The
// context bounds the opening alone.
func Open(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock, err := acquire(ctx, path+".lock")
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, path)
	if err != nil {
		_ = release(lock)
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	db.lock = lock
	return db, nil
}

func open(ctx context.Context, path string) (*DB, error) {
	w, err := newWriter(ctx, dsn(path, "journal_mode(wal)", "synchronous(normal)", "wal_autocheckpoint(0)", "journal_size_limit(67108864)"))
	if err != nil {
		return nil, err
	}
	read, err := sql.Open("sqlite", dsn(path, "query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	db := &DB{write: w, read: read}
	db.Memory = &Memory{w: w, read: read}
	db.Journal = &Journal{w: w, read: read}
	db.Jobs, err = newJobs(ctx, w, read)
	if err == nil {
		db.Inbox, err = newInbox(ctx, w, read)
	}
	if err != nil {
		return nil, errors.Join(err, w.close(), read.Close())
	}
	return db, nil
}

// Close waits for the writes under way, ends all watches and closes the file.
// Calls after it fail; a second Close does nothing.
func (db *DB) Close() error {
	var err error
	db.once.Do(func() {
		err = db.write.close()
		db.Jobs.hub.Close()
		db.Inbox.hub.Close()
		err = errors.Join(err, db.read.Close(), release(db.lock))
	})
	return err
}

// dsn names the file for the driver, whatever characters its path has.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)", "temp_store(memory)"}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// acquire takes the lock that keeps a second process out of the file. A process
// that is just ending gets a moment to let go of it.
func acquire(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: create the folder first", err)
	case err != nil:
		return nil, fmt.Errorf("%w: Prow must be able to write in this folder", err)
	}
	for tries := 0; syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil; tries++ {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			tries = maxTries
		}
		if tries >= maxTries {
			_ = f.Close()
			return nil, fmt.Errorf("%s is in use by another process: stop it, or choose another folder", path)
		}
	}
	return f, nil
}

// release lets go of the lock at once, even if a child that has yet to become
// another program still shares it.
func release(lock *os.File) error {
	return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
}
