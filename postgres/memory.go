package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	prow "github.com/prow-ci/prow"
)

// Memory implements prow.Memory. What one process saved, each sees at once.
type Memory struct{ db *DB }

var _ prow.Memory = (*Memory)(nil)

// Load returns the value of name.
func (m *Memory) Load(ctx context.Context, name string) (value []byte, err error) {
	err = m.db.retry(ctx, func(ctx context.Context) error {
		return m.db.pool.QueryRow(ctx, `SELECT value FROM prow.memory WHERE name = $1`, name).Scan(&value)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("memory %s: %w", name, explain(err))
	}
	return value, nil
}

// Save replaces the value of name; nil forgets it. An equal value costs no
// write.
func (m *Memory) Save(ctx context.Context, name string, value []byte) error {
	err := m.db.retry(ctx, func(ctx context.Context) (err error) {
		if value == nil {
			_, err = m.db.pool.Exec(ctx, `DELETE FROM prow.memory WHERE name = $1`, name)
			return err
		}
		_, err = m.db.pool.Exec(ctx, `INSERT INTO prow.memory AS m VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE m.value <> excluded.value`, name, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("save memory %s: %w", name, explain(err))
	}
	return nil
}

// Names lists the names that begin with prefix, sorted.
func (m *Memory) Names(ctx context.Context, prefix string) (names []string, err error) {
	err = m.db.retry(ctx, func(ctx context.Context) error {
		rows, err := m.db.pool.Query(ctx, `SELECT name FROM prow.memory WHERE name >= $1 AND starts_with(name, $1) ORDER BY name`, prefix)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("memory %s*: %w", prefix, explain(err))
	}
	return names, nil
}
