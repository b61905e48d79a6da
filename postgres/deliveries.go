package postgres

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

const deliveryColumns = `id, event, action, d.org, d.repo, d.number, login, received, state, tries, d.next, handled, results, error`

// Deliveries lists what f describes, newest first.
func (b *Inbox) Deliveries(ctx context.Context, f prow.DeliveryFilter) ([]*prow.Delivery, error) {
	const claimed = `(l.owner IS NOT NULL AND l.claimed = d.seq)`
	query := `SELECT ` + deliveryColumns + `, COALESCE(` + claimed + `, false) FROM prow.deliveries d LEFT JOIN prow.lines l USING (org, repo, number) WHERE true`
	var args []any
	add := func(condition string, value any) {
		args = append(args, value)
		query += " AND " + strings.ReplaceAll(condition, "?", fmt.Sprint("$", len(args)))
	}
	switch f.State {
	case "":
	case prow.DeliveryClaimed:
		query += ` AND ` + claimed
	case prow.DeliveryWaiting:
		query += ` AND state = 'waiting' AND ` + claimed + ` IS NOT TRUE`
	default:
		add("state = ?", string(f.State))
	}
	if f.Event != "" {
		add("event = ?", f.Event)
	}
	if f.Where.Repo.Owner != "" {
		add("d.org = ?", f.Where.Repo.Owner)
	}
	if f.Where.Repo.Name != "" {
		add("d.repo = ?", f.Where.Repo.Name)
	}
	if f.Where.Number != 0 {
		add("d.number = ?", int64(f.Where.Number))
	}
	if f.Before != "" {
		add("seq < (SELECT seq FROM prow.deliveries WHERE id = ?)", f.Before)
	}
	query += ` ORDER BY seq DESC`
	if f.Limit > 0 {
		query += fmt.Sprint(" LIMIT ", f.Limit)
	}
	var out []*prow.Delivery
	err := b.db.retry(ctx, func(ctx context.Context) error {
		out = []*prow.Delivery{}
		rows, err := b.db.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var held bool
			d, err := b.scan(func(to ...any) error { return rows.Scan(append(to, &held)...) })
			if err != nil {
				return err
			}
			if held {
				d.State = prow.DeliveryClaimed
			}
			out = append(out, d)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", explain(err))
	}
	return out, nil
}

// scan reads deliveryColumns.
func (b *Inbox) scan(scan func(...any) error) (*prow.Delivery, error) {
	var d prow.Delivery
	var received, next, handled int64
	var state, results string
	err := scan(&d.ID, &d.Event, &d.Action, &d.Where.Repo.Owner, &d.Where.Repo.Name, &d.Where.Number, &d.By,
		&received, &state, &d.Tries, &next, &handled, &results, &d.Error)
	if err != nil {
		return nil, err
	}
	d.State = prow.DeliveryState(state)
	d.Received, d.Next, d.Handled = fromNano(received), fromNano(next), fromNano(handled)
	if results != "" {
		err = json.Unmarshal([]byte(results), &d.Results)
	}
	return &d, err
}

// press compresses; what it needs for that is large and used again.
type press struct{ writers sync.Pool }

// pack makes header and body one and small: GitHub's payloads shrink to an
// eighth. First the header as a line of JSON, then the body.
func (p *press) pack(h http.Header, body []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, ok := p.writers.Get().(*flate.Writer)
	if !ok {
		w, _ = flate.NewWriter(&out, flate.BestSpeed) // the level is valid
	}
	defer p.writers.Put(w)
	w.Reset(&out)
	for _, part := range [][]byte{head, {'\n'}, body} {
		if _, err := w.Write(part); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return out.Bytes(), err
}

func unpack(packed []byte) (h http.Header, body []byte, err error) {
	all, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, nil, err
	}
	head, body, _ := bytes.Cut(all, []byte{'\n'})
	return h, body, json.Unmarshal(head, &h)
}

// text is s as Postgres takes it: UTF-8 without zeros.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
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
