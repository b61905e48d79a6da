package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	prow "github.com/prow-ci/prow"
)

// settled is what became of a delivery, on its way in.
type settled struct {
	*prow.Delivery
	results string
	known   bool
	kept    bool // another process has claimed it since, and will say what becomes of it
}

// Settle stores what became of d and ends its claim. If the lease of this process
// ran out meanwhile and another one claimed d, nothing is stored: that one says
// what becomes of it.
func (b *Inbox) Settle(ctx context.Context, d *prow.Delivery) error {
	switch d.State {
	case prow.DeliveryWaiting, prow.DeliveryHandled, prow.DeliveryDead:
	default:
		return fmt.Errorf("settle delivery %s: it is %q; want waiting, handled or dead", d.ID, d.State)
	}
	results, err := json.Marshal(d.Results)
	if err != nil {
		return err
	}
	s := &settled{Delivery: d, results: string(results)}
	if err = b.settles.write(ctx, s); err == nil && !s.known {
		err = fs.ErrNotExist
	}
	if err != nil {
		return fmt.Errorf("settle delivery %s: %w", d.ID, explain(err))
	}
	if s.kept {
		b.db.log.Warn("delivery settled too late, another process has it", "delivery", d.ID)
	}
	return nil
}

// The statements of a change of deliveries. The first makes sure that the lines
// are there and locks them, always in one order; the next see what was committed
// before that.
const (
	lockLines = `INSERT INTO prow.lines AS l (org, repo, number, head, next)
		SELECT DISTINCT org, repo, number, 9223372036854775807, 0 FROM prow.deliveries WHERE id = ANY($1) ORDER BY org, repo, number
		ON CONFLICT (org, repo, number) DO UPDATE SET head = l.head WHERE false`
	updateSettled = `UPDATE prow.deliveries d SET state = s.state, tries = s.tries, next = s.next, handled = s.handled,
			results = s.results, error = s.error, touched = clock_timestamp()
		FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
			AS s (id, state, tries, next, handled, results, error)
		WHERE d.id = s.id AND NOT EXISTS (SELECT FROM prow.lines l
			WHERE (l.org, l.repo, l.number) = (d.org, d.repo, d.number) AND l.claimed = d.seq AND l.owner <> $8)
		RETURNING d.id`
	endClaims = `UPDATE prow.lines l SET owner = NULL, claimed = NULL FROM prow.deliveries d
		WHERE d.id = ANY($1) AND (l.org, l.repo, l.number) = (d.org, d.repo, d.number) AND l.claimed = d.seq AND l.owner = $2`
	newHeads = `UPDATE prow.lines l SET head = h.seq, next = h.next
		FROM (SELECT DISTINCT org, repo, number FROM prow.deliveries WHERE id = ANY($1)) p
		CROSS JOIN LATERAL (SELECT seq, next FROM prow.deliveries w
			WHERE (w.org, w.repo, w.number) = (p.org, p.repo, p.number) AND w.state = 'waiting' ORDER BY seq LIMIT 1) h
		WHERE (l.org, l.repo, l.number) = (p.org, p.repo, p.number)`
	dropEmpty = `DELETE FROM prow.lines l USING (SELECT DISTINCT org, repo, number FROM prow.deliveries WHERE id = ANY($1)) p
		WHERE (l.org, l.repo, l.number) = (p.org, p.repo, p.number) AND l.owner IS NULL
			AND NOT EXISTS (SELECT FROM prow.deliveries w WHERE (w.org, w.repo, w.number) = (p.org, p.repo, p.number) AND w.state = 'waiting')`
)

// change queues a statement about deliveries between what keeps their lines
// true to them.
func (b *Inbox) change(work *pgx.Batch, ids []string, query func(*pgx.Batch)) {
	work.Queue(lockLines, ids)
	query(work)
	work.Queue(endClaims, ids, b.db.replica.id)
	work.Queue(newHeads, ids)
	work.Queue(dropEmpty, ids)
	b.db.shout(work, ids)
}

func (b *Inbox) settle(ctx context.Context, all []*settled) error {
	n := len(all)
	ids, states, tries := make([]string, n), make([]string, n), make([]int32, n)
	next, handled := make([]int64, n), make([]int64, n)
	results, errs := make([]string, n), make([]string, n)
	for i, s := range all {
		ids[i], states[i], tries[i] = s.ID, string(s.State), int32(s.Tries)
		next[i], handled[i], results[i], errs[i] = nano(s.Next), nano(s.Handled), s.results, text(s.Error)
	}
	var stored, known map[string]bool
	err := b.db.retry(ctx, func(ctx context.Context) error {
		stored, known = map[string]bool{}, map[string]bool{}
		var work pgx.Batch
		b.change(&work, ids, func(work *pgx.Batch) {
			work.Queue(updateSettled, ids, states, tries, next, handled, results, errs, b.db.replica.id).Query(collect(stored))
		})
		work.Queue(`SELECT id FROM prow.deliveries WHERE id = ANY($1)`, ids).Query(collect(known))
		return b.db.pool.SendBatch(ctx, &work).Close()
	})
	if err != nil {
		return err
	}
	for _, s := range all {
		s.known, s.kept = known[s.ID], known[s.ID] && !stored[s.ID]
		b.letGo(s.ID)
	}
	b.hub.Tell(ids...)
	return nil
}

// collect makes a set of the one column of an answer.
func collect(into map[string]bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, id := range ids {
			into[id] = true
		}
		return err
	}
}

// Replay makes a handled or dead delivery wait again, for all plugins.
func (b *Inbox) Replay(ctx context.Context, id string) error {
	known := map[string]bool{}
	err := b.db.retry(ctx, func(ctx context.Context) error {
		var work pgx.Batch
		b.change(&work, []string{id}, func(work *pgx.Batch) {
			work.Queue(`UPDATE prow.deliveries SET state = 'waiting', tries = 0, next = 0, handled = 0, results = '', error = '', touched = clock_timestamp()
				WHERE id = $1 AND state <> 'waiting'`, id)
		})
		work.Queue(`SELECT id FROM prow.deliveries WHERE id = $1`, id).Query(collect(known))
		return b.db.pool.SendBatch(ctx, &work).Close()
	})
	if err == nil && !known[id] {
		err = fs.ErrNotExist
	}
	if err != nil {
		return fmt.Errorf("replay delivery %s: %w", id, explain(err))
	}
	b.hub.Tell(id)
	return nil
}

// isForeignKey reports that the row of this process is not there.
func isForeignKey(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23503"
}
