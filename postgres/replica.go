package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// replica is this process among those who share the database.
type replica struct {
	db    *DB
	id    int64
	lease time.Duration
}

// live renews the lease until ctx ends, and frees what others that are gone had
// claimed.
func (r *replica) live(ctx context.Context) {
	for failures := 0; ; {
		rest := r.lease / 5
		if failures > 0 {
			rest = min(rest, pause(failures-1))
		}
		if !wait(ctx, rest) {
			return
		}
		freed, err := r.renew(ctx)
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() == nil:
			if failures++; failures == 1 {
				r.db.log.Warn("lease not renewed, tried again", "err", explain(err))
			}
		}
		if len(freed) > 0 {
			r.db.log.Warn("took back what a process that is gone had claimed", "deliveries", len(freed))
			r.db.Inbox.hub.Tell(freed...)
		}
	}
}

// renew says that this process lives, and forgets those that do not. It returns
// the ids of the deliveries that those had claimed.
func (r *replica) renew(ctx context.Context) (freed []string, err error) {
	err = r.db.tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO prow.replicas VALUES ($1, clock_timestamp() + $2) ON CONFLICT (id) DO UPDATE SET until = excluded.until`, r.id, r.lease)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id FROM prow.replicas WHERE until < clock_timestamp() FOR UPDATE SKIP LOCKED`)
		if err != nil {
			return err
		}
		gone, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil || len(gone) == 0 {
			return err
		}
		rows, err = tx.Query(ctx, `SELECT d.id FROM prow.lines l JOIN prow.deliveries d ON d.seq = l.claimed WHERE l.owner = ANY($1)`, gone)
		if err != nil {
			return err
		}
		if freed, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM prow.replicas WHERE id = ANY($1)`, gone)
		return err
	})
	return freed, err
}

// leave gives back all claims and wakes the others.
func (r *replica) leave(ctx context.Context) error {
	return r.db.tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT d.id FROM prow.lines l JOIN prow.deliveries d ON d.seq = l.claimed WHERE l.owner = $1`, r.id)
		if err != nil {
			return err
		}
		held, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM prow.replicas WHERE id = $1`, r.id); err != nil {
			return err
		}
		var b pgx.Batch
		r.db.shout(&b, held)
		return tx.SendBatch(ctx, &b).Close()
	})
}
