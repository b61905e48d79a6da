package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"slices"

	prow "github.com/prow-ci/prow"
)

// Journal implements prow.Journal.
type Journal struct {
	w    *writer
	read *sql.DB
}

var _ prow.Journal = (*Journal)(nil)

// Record stores n, once.
func (s *Journal) Record(ctx context.Context, n prow.Note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	key, err := noteKey(n)
	if err != nil {
		return err
	}
	return s.w.commit(ctx, false, func(w *writer) error {
		return w.exec(`INSERT INTO notes (key, org, repo, number, at, json) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			key, n.Where.Repo.Owner, n.Where.Repo.Name, n.Where.Number, n.At.UnixNano(), string(text))
	}, nil)
}

// noteKey is what makes a note the same as another; nil for a note that belongs
// to no delivery and no job, of which each is another one.
func noteKey(n prow.Note) ([]byte, error) {
	if n.Delivery == "" && n.Job == "" {
		return nil, nil
	}
	b, err := json.Marshal([]any{n.Where, n.Who, n.Kind, n.Text, n.Delivery, n.Job})
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(b)
	return h[:16], nil
}

// Notes lists the newest notes of where, oldest first.
func (s *Journal) Notes(ctx context.Context, where prow.IssueID, limit int) ([]prow.Note, error) {
	if limit <= 0 {
		limit = -1
	}
	query, args := `SELECT json FROM notes WHERE org = ? AND repo = ?`, []any{where.Repo.Owner, where.Repo.Name}
	if where.Number != 0 {
		query, args = query+` AND number = ?`, append(args, where.Number)
	}
	rows, err := s.read.QueryContext(ctx, query+` ORDER BY at DESC, seq DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	list, err := texts(rows)
	if err != nil {
		return nil, err
	}
	out := make([]prow.Note, len(list))
	for i, t := range list {
		if err := json.Unmarshal([]byte(t), &out[i]); err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}
