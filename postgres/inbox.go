package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/hub"
)

// Inbox implements prow.Inbox for any number of processes: none of them has a
// delivery while another one has it or an older one of the same line. What a
// process claimed that ends is free at once; what one claimed that is gone, when
// its lease has run out.
type Inbox struct {
	db      *DB
	hub     hub.Hub
	accepts *batch[*accepted]
	settles *batch[*settled]
	press   press

	claiming sync.Mutex
	// unsure says that the last claim may have been made although it failed.
	unsure bool

	mu   sync.Mutex
	mine map[string]int64 // seq of each id that was handed out and is not settled
}

var _ prow.Inbox = (*Inbox)(nil)

func newInbox(db *DB) *Inbox {
	b := &Inbox{db: db, mine: map[string]int64{}}
	b.accepts = &batch[*accepted]{db: db, do: b.accept, key: func(a *accepted) string { return a.ID }}
	b.settles = &batch[*settled]{db: db, do: b.settle, key: func(s *settled) string { return s.ID }}
	return b
}

// Claim hands out deliveries whose turn it is.
func (b *Inbox) Claim(ctx context.Context, now time.Time, limit int) ([]*prow.Delivery, error) {
	if limit <= 0 {
		return nil, nil
	}
	b.claiming.Lock()
	defer b.claiming.Unlock()
	var out []*prow.Delivery
	err := b.db.retry(ctx, func(ctx context.Context) (err error) {
		if b.unsure {
			if err := b.tidy(ctx); err != nil {
				return err
			}
		}
		b.unsure = true
		out, err = b.claim(ctx, now, limit)
		b.unsure = err != nil
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", explain(err))
	}
	return out, nil
}

// The two statements of a claim: the second has to see what others committed
// while the first waited for nothing.
const (
	takeLines = `WITH free AS (
		SELECT org, repo, number FROM prow.lines WHERE owner IS NULL AND next <= $1 AND head <> ALL($2)
		ORDER BY head LIMIT $3 FOR UPDATE SKIP LOCKED
	) UPDATE prow.lines l SET owner = $4, claimed = l.head FROM free f WHERE (l.org, l.repo, l.number) = (f.org, f.repo, f.number)`
	readTaken = `SELECT d.seq, ` + deliveryColumns + `, body FROM prow.lines l JOIN prow.deliveries d ON d.seq = l.claimed
		JOIN prow.delivery_bodies USING (seq) WHERE l.owner = $1 AND l.claimed <> ALL($2) ORDER BY d.seq`
)

func (b *Inbox) claim(ctx context.Context, now time.Time, limit int) ([]*prow.Delivery, error) {
	me, held := b.db.replica.id, b.held()
	var out []*prow.Delivery
	seqs := map[string]int64{}
	var work pgx.Batch
	work.Queue(takeLines, nano(now), held, limit, me)
	work.Queue(readTaken, me, held).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var seq int64
			var body []byte
			d, err := b.scan(func(to ...any) error { return rows.Scan(append(append([]any{&seq}, to...), &body)...) })
			if err != nil {
				return err
			}
			if d.Header, d.Body, err = unpack(body); err != nil {
				return err
			}
			d.State, seqs[d.ID] = prow.DeliveryClaimed, seq
			out = append(out, d)
		}
		return rows.Err()
	})
	err := b.db.pool.SendBatch(ctx, &work).Close()
	if isForeignKey(err) { // the lease ran out: others forgot this process
		if _, err := b.db.replica.renew(ctx); err != nil {
			return nil, err
		}
		return b.claim(ctx, now, limit)
	}
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, seq := range seqs {
		b.mine[id] = seq
	}
	return out, nil
}

// tidy frees what a claim took whose answer was lost.
func (b *Inbox) tidy(ctx context.Context) error {
	_, err := b.db.pool.Exec(ctx, `UPDATE prow.lines SET owner = NULL WHERE owner = $1 AND claimed <> ALL($2)`, b.db.replica.id, b.held())
	return err
}

// held lists what this process has in hand. It is not claimed again, even if the
// lease ran out and the line is free.
func (b *Inbox) held() []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]int64, 0, len(b.mine))
	for _, seq := range b.mine {
		out = append(out, seq)
	}
	return out
}

func (b *Inbox) letGo(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.mine, id)
}

// Prune forgets what was received before t and is done with.
func (b *Inbox) Prune(ctx context.Context, t time.Time) error {
	for n := int64(1); n > 0; {
		// In portions, so that nobody waits for long behind a large one.
		err := b.db.retry(ctx, func(ctx context.Context) error {
			tag, err := b.db.pool.Exec(ctx, `DELETE FROM prow.deliveries WHERE seq IN (
				SELECT seq FROM prow.deliveries WHERE state <> 'waiting' AND received < $1 LIMIT 1000)`, nano(t))
			n = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("prune deliveries: %w", explain(err))
		}
	}
	return nil
}

// Watch yields the id of each delivery that was accepted, settled or replayed,
// by any process; first of those that wait.
func (b *Inbox) Watch(ctx context.Context) iter.Seq[string] {
	return b.hub.Watch(ctx, func(ctx context.Context) ([]string, error) {
		rows, err := b.db.pool.Query(ctx, `SELECT id FROM prow.deliveries WHERE state = 'waiting' ORDER BY seq`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	})
}

// Delivery returns one, with header and body.
func (b *Inbox) Delivery(ctx context.Context, id string) (d *prow.Delivery, err error) {
	err = b.db.retry(ctx, func(ctx context.Context) error {
		var body []byte
		row := b.db.pool.QueryRow(ctx, `SELECT `+deliveryColumns+`, body FROM prow.deliveries d JOIN prow.delivery_bodies USING (seq) WHERE id = $1`, id)
		if d, err = b.scan(func(to ...any) error { return row.Scan(append(to, &body)...) }); err != nil {
			return err
		}
		d.Header, d.Body, err = unpack(body)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("delivery %s: %w", id, explain(err))
	}
	return d, nil
}
