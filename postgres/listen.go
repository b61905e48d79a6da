package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is on which processes tell each other which deliveries changed: the
// teller's number, then ids, one a line.
const (
	channel    = "prow_inbox"
	maxPayload = 7900            // Postgres takes less than 8000 bytes
	silence    = time.Minute     // after which the connection is tried out
	overlap    = 2 * time.Minute // how far before a gap it is looked for what was missed
)

// shout queues the word to the others that ids changed; they hear it if and when
// the transaction is committed.
func (db *DB) shout(b *pgx.Batch, ids []string) {
	me := strconv.FormatInt(db.replica.id, 10)
	text := me
	for _, id := range ids {
		if len(text)+1+len(id) > maxPayload {
			b.Queue(`SELECT pg_notify($1, $2)`, channel, text)
			text = me
		}
		text += "\n" + id
	}
	if text != me {
		b.Queue(`SELECT pg_notify($1, $2)`, channel, text)
	}
}

// listen hears the others until ctx ends.
func (db *DB) listen(ctx context.Context) {
	heard := time.Time{} // when the connection was last known to be whole
	for failures := 0; ctx.Err() == nil; {
		begun := time.Now()
		err := db.hear(ctx, &heard)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > silence {
			failures = 0
		}
		if failures++; failures == 1 {
			db.log.Warn("hears the other processes no longer, connecting again", "err", explain(err))
		}
		wait(ctx, pause(failures-1))
	}
}

// hear listens on a connection of its own until it breaks. After a gap it first
// tells of all that may have changed in it.
func (db *DB) hear(ctx context.Context, heard *time.Time) error {
	c, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(ctx) // the server sees that it is gone
	}()
	if _, err := c.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	if !heard.IsZero() {
		rows, err := c.Query(ctx, `SELECT id FROM prow.deliveries WHERE state = 'waiting' OR touched > clock_timestamp() - $1::interval ORDER BY seq`, time.Since(*heard)+overlap)
		if err != nil {
			return err
		}
		missed, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		db.log.Info("hears the other processes again", "deliveries", len(missed))
		db.Inbox.hub.Tell(missed...)
	}
	for {
		*heard = time.Now()
		waiting, cancel := context.WithTimeout(ctx, silence)
		n, err := c.WaitForNotification(waiting)
		quiet := errors.Is(waiting.Err(), context.DeadlineExceeded)
		cancel()
		if err != nil && quiet && ctx.Err() == nil {
			if err := c.Ping(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		from, ids, _ := strings.Cut(n.Payload, "\n")
		if from != strconv.FormatInt(db.replica.id, 10) { // our own we know
			db.Inbox.hub.Tell(strings.Split(ids, "\n")...)
		}
	}
}
