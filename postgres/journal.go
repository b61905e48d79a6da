package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	prow "github.com/prow-ci/prow"
)

// Journal implements prow.Journal.
type Journal struct {
	db    *DB
	notes *batch[noted]
}

var _ prow.Journal = (*Journal)(nil)

// noted is a note on its way in.
type noted struct {
	prow.Note
	json, key []byte
}

func newJournal(db *DB) *Journal {
	s := &Journal{db: db}
	s.notes = &batch[noted]{db: db, do: s.record, key: func(n noted) string { return string(n.json) }}
	return s
}

// Record stores n, once.
func (s *Journal) Record(ctx context.Context, n prow.Note) error {
	in := noted{Note: n}
	var err error
	if in.json, err = json.Marshal(n); err != nil {
		return err
	}
	if in.key, err = noteKey(n); err != nil {
		return err
	}
	if err := s.notes.write(ctx, in); err != nil {
		return fmt.Errorf("record note: %w", explain(err))
	}
	return nil
}

func (s *Journal) record(ctx context.Context, all []noted) error {
	n := len(all)
	keys, orgs, repos := make([][]byte, n), make([]string, n), make([]string, n)
	numbers, at, texts := make([]int64, n), make([]int64, n), make([]string, n)
	for i, x := range all {
		keys[i], orgs[i], repos[i] = x.key, text(x.Where.Repo.Owner), text(x.Where.Repo.Name)
		numbers[i], at[i], texts[i] = int64(x.Where.Number), nano(x.At), string(x.json)
	}
	return s.db.retry(ctx, func(ctx context.Context) error {
		_, err := s.db.pool.Exec(ctx, `INSERT INTO prow.notes (key, org, repo, number, at, json)
			SELECT key, org, repo, number, at, json FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
				WITH ORDINALITY AS n (key, org, repo, number, at, json, place) ORDER BY key, place
			ON CONFLICT (key) DO NOTHING`, keys, orgs, repos, numbers, at, texts)
		return err
	})
}

// noteKey is what makes a note the same as another; nil for a note that belongs
// to no delivery and no job, of which each is another one.
func noteKey(n prow.Note) ([]byte, error) {
	if n.Delivery == "" && n.Job == "" {
		return nil, nil
	}
	b, err := json.Marshal([]any{n.Where, n.Who, n.Kind, n.Text, n.Delivery, n.Job})
	h := sha256.Sum256(b)
	return h[:16], err
}

// Notes lists the newest notes of where, oldest first.
func (s *Journal) Notes(ctx context.Context, where prow.IssueID, limit int) ([]prow.Note, error) {
	query, args := `SELECT json FROM prow.notes WHERE org = $1 AND repo = $2`, []any{where.Repo.Owner, where.Repo.Name}
	if where.Number != 0 {
		query, args = query+` AND number = $3`, append(args, int64(where.Number))
	}
	query += ` ORDER BY at DESC, seq DESC`
	if limit > 0 {
		query += fmt.Sprint(" LIMIT ", limit)
	}
	var out []prow.Note
	err := s.db.retry(ctx, func(ctx context.Context) error {
		rows, err := s.db.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		out = make([]prow.Note, len(list))
		for i, t := range list {
			if err := json.Unmarshal([]byte(t), &out[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("notes of %s: %w", where, explain(err))
	}
	slices.Reverse(out)
	return out, nil
}

// storyAge is how long notes are kept.
const storyAge = 90 * 24 * time.Hour

// forget deletes old notes, in portions so that nobody waits for long behind it.
func (s *Journal) forget(ctx context.Context) error {
	for {
		tag, err := s.db.pool.Exec(ctx, `DELETE FROM prow.notes WHERE seq IN (
			SELECT seq FROM prow.notes WHERE at < (extract(epoch FROM clock_timestamp() - $1::interval) * 1000000000)::bigint LIMIT 5000)`, storyAge)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
	}
}
