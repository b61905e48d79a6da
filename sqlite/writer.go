package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// maxBatch is how many writes share a transaction at most.
const maxBatch = 256

// writer puts writes into transactions, one after another, as many as wait into
// each.
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	stmt map[string]*sql.Stmt
	full bool // what is committed now is synced to the disk
	log  *checkpointer

	mu     sync.RWMutex
	closed bool
	ops    chan *op
	done   chan struct{}
}

// op is one write. do may be called again, in another transaction, if one of
// the batch fails.
type op struct {
	do      func(*writer) error
	durable bool // it survives a power cut, not just a killed process
	after   func()
	done    chan error
}

func newWriter(ctx context.Context, dsn string) (*writer, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		err = migrate(ctx, conn)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	log, err := newCheckpointer(ctx, db)
	if err != nil {
		return nil, errors.Join(err, conn.Close(), db.Close())
	}
	w := &writer{db: db, conn: conn, stmt: map[string]*sql.Stmt{}, log: log, ops: make(chan *op, maxBatch), done: make(chan struct{})}
	go w.run()
	return w, nil
}

var errClosed = errors.New("the database is closed")

// commit runs do in a transaction and returns once it is committed. If ctx ends
// before its turn is taken, nothing happens; after that the answer is waited for,
// so the caller always knows. after, if any, is called once the write is
// committed, before the next begins.
func (w *writer) commit(ctx context.Context, durable bool, do func(*writer) error, after func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{do: do, durable: durable, after: after, done: make(chan error, 1)}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return errClosed
	}
	select {
	case w.ops <- o:
		w.mu.RUnlock()
	case <-ctx.Done():
		w.mu.RUnlock()
		return ctx.Err()
	}
	return explain(<-o.done)
}

func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.ops)
	w.mu.Unlock()
	<-w.done
	return errors.Join(w.log.close(), w.conn.Close(), w.db.Close())
}

func (w *writer) run() {
	defer close(w.done)
	for first := range w.ops {
		w.batch(w.gather(first))
		w.log.written()
		// Nobody writes meanwhile, so this time the log is emptied. Where most of
		// it was moved already that is short; if it fails, the next one does it.
		if w.log.tooLong.CompareAndSwap(true, false) {
			_, _ = w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(truncate)")
		} else if w.log.rest.CompareAndSwap(true, false) {
			_, _ = w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(passive)")
		}
	}
	for _, s := range w.stmt {
		_ = s.Close()
	}
}

// gather takes what waits; it does not wait for more.
func (w *writer) gather(first *op) []*op {
	ops := []*op{first}
	for len(ops) < maxBatch {
		select {
		case o, ok := <-w.ops:
			if !ok {
				return ops
			}
			ops = append(ops, o)
		default:
			return ops
		}
	}
	return ops
}

// batch commits ops together, or, if one of them fails, each by itself.
func (w *writer) batch(ops []*op) {
	if err := w.transact(ops); err == nil || len(ops) == 1 {
		for _, o := range ops {
			o.finish(err)
		}
		return
	}
	for _, o := range ops {
		o.finish(w.transact([]*op{o}))
	}
}

func (o *op) finish(err error) {
	if err == nil && o.after != nil {
		o.after()
	}
	o.done <- err
}

func (w *writer) transact(ops []*op) (err error) {
	if err := w.sync(slices.ContainsFunc(ops, func(o *op) bool { return o.durable })); err != nil {
		return err
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = w.exec("ROLLBACK") // it may have ended by itself
		}
	}()
	for _, o := range ops {
		if err := call(o, w); err != nil {
			return err
		}
	}
	return w.exec("COMMIT")
}

// sync makes the next commits survive a power cut, or only the end of the process.
// SQLite obeys this pragma when it compiles it, so it must not be a prepared
// statement.
func (w *writer) sync(full bool) error {
	if w.full == full {
		return nil
	}
	level := "PRAGMA synchronous = normal"
	if full {
		level = "PRAGMA synchronous = full"
	}
	_, err := w.conn.ExecContext(context.Background(), level) // no caller's: it is for all that wait
	if err == nil {
		w.full = full
	}
	return err
}

// call keeps the writer alive when a write panics.
func call(o *op, w *writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a write: %v", p)
		}
	}()
	return o.do(w)
}

// The methods below are for use inside do. Statements are prepared once.

func (w *writer) prepare(query string) (*sql.Stmt, error) {
	if s, ok := w.stmt[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query) // outlives any caller
	if err == nil {
		w.stmt[query] = s
	}
	return s, err
}

func (w *writer) exec(query string, args ...any) error {
	_, err := w.execN(query, args...)
	return err
}

// execN returns how many rows were written.
func (w *writer) execN(query string, args ...any) (int64, error) {
	s, err := w.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (w *writer) row(query string, args, dest []any) error {
	s, err := w.prepare(query)
	if err != nil {
		return err
	}
	return s.QueryRow(args...).Scan(dest...)
}
