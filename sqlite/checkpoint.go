package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"
)

// checkpointer moves what was written from the log into the file, beside the
// writer instead of in its way: a burst of webhooks does not wait for it.
type checkpointer struct {
	conn    *sql.Conn
	wake    chan struct{}
	end     context.CancelFunc
	done    chan struct{}
	rest    atomic.Bool // nearly all is moved; the log begins anew once the rest is, too
	tooLong atomic.Bool // the log grows faster than it is moved
}

const (
	checkpointPause = 500 * time.Millisecond
	shortLog        = 1 << 12 // pages: 16 MB
	longLog         = 1 << 16 // pages: 256 MB
)

func newCheckpointer(ctx context.Context, db *sql.DB) (*checkpointer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &checkpointer{conn: conn, wake: make(chan struct{}, 1), end: cancel, done: make(chan struct{})}
	go c.run(ctx)
	return c, nil
}

// written says that there may be something to move.
func (c *checkpointer) written() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *checkpointer) close() error {
	c.end()
	<-c.done
	return c.conn.Close()
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.done)
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(checkpointPause): // several batches at a time
		case <-ctx.Done():
			return
		}
		var busy, log, moved int
		err := c.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(passive)").Scan(&busy, &log, &moved)
		switch {
		case err == nil && log > longLog, errors.Is(err, sql.ErrNoRows):
			c.tooLong.Store(true)
		case err == nil && log > shortLog:
			c.rest.Store(true)
		}
	}
}
