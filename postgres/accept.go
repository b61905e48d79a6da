package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	prow "github.com/prow-ci/prow"
)

// accepted is a delivery on its way in.
type accepted struct {
	*prow.Delivery
	packed []byte
	fresh  bool
}

// Accept stores d and returns when it is on the disk.
func (b *Inbox) Accept(ctx context.Context, d *prow.Delivery) (fresh bool, err error) {
	if d.ID == "" || !utf8.ValidString(d.ID) {
		return false, errors.New("a delivery needs an id that is text")
	}
	packed, err := b.press.pack(d.Header, d.Body)
	if err != nil {
		return false, fmt.Errorf("accept delivery %s: %w", d.ID, err)
	}
	a := &accepted{Delivery: d, packed: packed}
	if err := b.accepts.write(ctx, a); err != nil {
		return false, fmt.Errorf("accept delivery %s: %w", d.ID, explain(err))
	}
	return a.fresh, nil
}

// One statement: the delivery, its body, and its place in the line.
const insertDeliveries = `WITH given AS (
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::bytea[])
		WITH ORDINALITY AS g (id, event, action, org, repo, number, login, received, body, place)
), fresh AS (
	INSERT INTO prow.deliveries (id, born, event, action, org, repo, number, login, received)
	SELECT id, $10, event, action, org, repo, number, login, received FROM given ORDER BY place
	ON CONFLICT (id) DO NOTHING RETURNING seq, id, org, repo, number
), bodies AS (
	INSERT INTO prow.delivery_bodies SELECT seq, body FROM fresh JOIN given USING (id)
) INSERT INTO prow.lines AS l (org, repo, number, head, next)
	SELECT org, repo, number, min(seq), 0 FROM fresh GROUP BY org, repo, number ORDER BY org, repo, number
	ON CONFLICT (org, repo, number) DO UPDATE SET head = excluded.head, next = 0 WHERE l.head > excluded.head`

// accept stores all of them, those that are known already excepted.
func (b *Inbox) accept(ctx context.Context, all []*accepted) error {
	n := len(all)
	ids, events, actions := make([]string, n), make([]string, n), make([]string, n)
	orgs, repos, numbers := make([]string, n), make([]string, n), make([]int64, n)
	logins, received, bodies := make([]string, n), make([]int64, n), make([][]byte, n)
	for i, a := range all {
		ids[i], events[i], actions[i] = a.ID, text(a.Event), text(a.Action)
		orgs[i], repos[i], numbers[i] = text(a.Where.Repo.Owner), text(a.Where.Repo.Name), int64(a.Where.Number)
		logins[i], received[i], bodies[i] = text(a.By), nano(a.Received), a.packed
	}
	// Tried again after the answer was lost, it finds its own by this number.
	born := rand.Int64()
	fresh := map[string]bool{}
	err := b.db.retry(ctx, func(ctx context.Context) error {
		var work pgx.Batch
		work.Queue(insertDeliveries, ids, events, actions, orgs, repos, numbers, logins, received, bodies, born)
		work.Queue(`SELECT id FROM prow.deliveries WHERE id = ANY($1) AND born = $2`, ids, born).Query(func(rows pgx.Rows) error {
			mine, err := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, id := range mine {
				fresh[id] = true
			}
			return err
		})
		b.db.shout(&work, ids)
		return b.db.pool.SendBatch(ctx, &work).Close()
	})
	if err != nil {
		return err
	}
	var told []string
	for _, a := range all {
		if a.fresh = fresh[a.ID]; a.fresh {
			told = append(told, a.ID)
		}
	}
	b.hub.Tell(told...)
	return nil
}
