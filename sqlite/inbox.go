package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/hub"
)

// Inbox implements prow.Inbox. Which deliveries wait, and which are claimed, it
// keeps in the process as well: a claim costs no write, and ends with the
// process that made it.
type Inbox struct {
	w     *writer
	read  *sql.DB
	hub   *hub.Hub
	queue *queue
}

var _ prow.Inbox = (*Inbox)(nil)

func newInbox(ctx context.Context, w *writer, read *sql.DB) (*Inbox, error) {
	b := &Inbox{w: w, read: read, hub: &hub.Hub{}, queue: newQueue()}
	rows, err := read.QueryContext(ctx, `SELECT seq, id, org, repo, number, next FROM deliveries WHERE state = 'waiting' ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e entry
		var next int64
		if err := rows.Scan(&e.seq, &e.id, &e.where.Repo.Owner, &e.where.Repo.Name, &e.where.Number, &next); err != nil {
			return nil, err
		}
		e.next = fromNano(next)
		b.queue.put(e)
	}
	return b, rows.Err()
}

// Accept stores d and returns when it is on the disk.
func (b *Inbox) Accept(ctx context.Context, d *prow.Delivery) (fresh bool, err error) {
	if d.ID == "" {
		return false, errors.New("a delivery needs an id")
	}
	header, err := json.Marshal(d.Header)
	if err != nil {
		return false, err
	}
	body := d.Body
	if body == nil {
		body = []byte{}
	}
	var seq int64
	err = b.w.commit(ctx, true, func(w *writer) error {
		n, err := w.execN(`INSERT INTO deliveries (id, event, action, org, repo, number, login, received, state)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting') ON CONFLICT DO NOTHING`,
			d.ID, d.Event, d.Action, d.Where.Repo.Owner, d.Where.Repo.Name, d.Where.Number, d.By, d.Received.UnixNano())
		if fresh = n > 0; err != nil || !fresh {
			return err
		}
		if err := w.row(`SELECT last_insert_rowid()`, nil, []any{&seq}); err != nil {
			return err
		}
		return w.exec(`INSERT INTO delivery_bodies VALUES (?, ?, ?)`, seq, string(header), body)
	}, func() {
		if fresh {
			b.queue.put(entry{seq: seq, id: d.ID, where: d.Where})
			b.hub.Tell(d.ID)
		}
	})
	if err != nil {
		return false, fmt.Errorf("accept delivery %s: %w", d.ID, err)
	}
	return fresh, nil
}

// Claim hands out deliveries whose turn it is.
func (b *Inbox) Claim(ctx context.Context, now time.Time, limit int) ([]*prow.Delivery, error) {
	var out []*prow.Delivery
	claimed := b.queue.claim(now, limit)
	for _, id := range claimed {
		d, err := b.Delivery(ctx, id)
		if err != nil {
			for _, id := range claimed {
				b.queue.giveBack(id)
			}
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// Settle stores what became of d and ends its claim.
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
	return b.change(ctx, d.ID, d.Next, `UPDATE deliveries SET state = ?, tries = ?, next = ?, handled = ?, results = ?, error = ?
		WHERE id = ? RETURNING seq, org, repo, number, state`,
		string(d.State), d.Tries, nano(d.Next), nano(d.Handled), string(results), d.Error, d.ID)
}

// Replay makes a delivery wait again, for all plugins.
func (b *Inbox) Replay(ctx context.Context, id string) error {
	err := b.change(ctx, id, time.Time{}, `UPDATE deliveries SET state = 'waiting', tries = 0, next = 0, handled = 0, results = '', error = ''
		WHERE id = ? AND state <> 'waiting' RETURNING seq, org, repo, number, state`, id)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = b.Delivery(ctx, id) // waiting already, or absent
	}
	return err
}

// change runs a statement that returns the delivery's place in the queue.
func (b *Inbox) change(ctx context.Context, id string, next time.Time, query string, args ...any) error {
	e := entry{id: id, next: next}
	var state string
	err := b.w.commit(ctx, false, func(w *writer) error {
		return w.row(query, args, []any{&e.seq, &e.where.Repo.Owner, &e.where.Repo.Name, &e.where.Number, &state})
	}, func() {
		b.queue.remove(id)
		if prow.DeliveryState(state) == prow.DeliveryWaiting {
			b.queue.put(e)
		}
		b.hub.Tell(id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return fmt.Errorf("delivery %s: %w", id, err)
	}
	return nil
}

// Prune forgets what was received before t and is done with.
func (b *Inbox) Prune(ctx context.Context, t time.Time) error {
	for {
		// In portions, so that nobody waits for long behind a large one.
		var n int64
		err := b.w.commit(ctx, false, func(w *writer) (err error) {
			n, err = w.execN(`DELETE FROM deliveries WHERE seq IN (
				SELECT seq FROM deliveries WHERE state IN ('handled', 'dead') AND received < ? LIMIT 500)`, t.UnixNano())
			return err
		}, nil)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Watch yields the id of each delivery that was accepted, settled or replayed.
func (b *Inbox) Watch(ctx context.Context) iter.Seq[string] {
	return b.hub.Watch(ctx, func(context.Context) ([]string, error) { return b.queue.ids(), nil })
}

const deliveryColumns = `id, event, action, org, repo, number, login, received, state, tries, next, handled, results, error`

// Delivery returns one, with header and body.
func (b *Inbox) Delivery(ctx context.Context, id string) (*prow.Delivery, error) {
	var header string
	var body []byte
	row := b.read.QueryRowContext(ctx, `SELECT `+deliveryColumns+`, header, body FROM deliveries JOIN delivery_bodies USING (seq) WHERE id = ?`, id)
	d, err := b.scan(row.Scan, &header, &body)
	if errors.Is(err, sql.ErrNoRows) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("delivery %s: %w", id, explain(err))
	}
	d.Body = body
	return d, json.Unmarshal([]byte(header), &d.Header)
}

// Deliveries lists what f describes, newest first.
func (b *Inbox) Deliveries(ctx context.Context, f prow.DeliveryFilter) ([]*prow.Delivery, error) {
	query, args := `SELECT `+deliveryColumns+` FROM deliveries WHERE 1`, []any{}
	add := func(condition string, value any) { query, args = query+" AND "+condition, append(args, value) }
	state := f.State
	if state == prow.DeliveryClaimed {
		state = prow.DeliveryWaiting // on the disk a claimed one waits
	}
	if state != "" {
		add("state = ?", string(state))
	}
	if f.Event != "" {
		add("event = ?", f.Event)
	}
	if f.Where.Repo.Owner != "" {
		add("org = ?", f.Where.Repo.Owner)
	}
	if f.Where.Repo.Name != "" {
		add("repo = ?", f.Where.Repo.Name)
	}
	if f.Where.Number != 0 {
		add("number = ?", f.Where.Number)
	}
	if f.Before != "" {
		add("seq < (SELECT seq FROM deliveries WHERE id = ?)", f.Before)
	}
	rows, err := b.read.QueryContext(ctx, query+` ORDER BY seq DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", explain(err))
	}
	defer rows.Close()
	out := []*prow.Delivery{}
	for rows.Next() && (f.Limit <= 0 || len(out) < f.Limit) {
		d, err := b.scan(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list deliveries: %w", explain(err))
		}
		if f.State == "" || f.State == d.State {
			out = append(out, d)
		}
	}
	return out, rows.Err()
}

// scan reads deliveryColumns, then more.
func (b *Inbox) scan(scan func(...any) error, more ...any) (*prow.Delivery, error) {
	var d prow.Delivery
	var received, next, handled int64
	var state, results string
	err := scan(append([]any{&d.ID, &d.Event, &d.Action, &d.Where.Repo.Owner, &d.Where.Repo.Name, &d.Where.Number, &d.By,
		&received, &state, &d.Tries, &next, &handled, &results, &d.Error}, more...)...)
	if err != nil {
		return nil, err
	}
	d.State = prow.DeliveryState(state)
	if d.State == prow.DeliveryWaiting && b.queue.isClaimed(d.ID) {
		d.State = prow.DeliveryClaimed
	}
	d.Received, d.Next, d.Handled = fromNano(received), fromNano(next), fromNano(handled)
	if results != "" {
		err = json.Unmarshal([]byte(results), &d.Results)
	}
	return &d, err
}

// nano and fromNano keep the zero time as 0.
func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
