package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	prow "github.com/prow-ci/prow"
)

// Memory implements prow.Memory.
type Memory struct {
	w    *writer
	read *sql.DB
}

var _ prow.Memory = (*Memory)(nil)

// Load returns the value of name.
func (m *Memory) Load(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := m.read.QueryRowContext(ctx, `SELECT value FROM memory WHERE name = ?`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("memory %s: %w", name, fs.ErrNotExist)
	}
	return value, err
}

// Save replaces the value of name; nil forgets it.
func (m *Memory) Save(ctx context.Context, name string, value []byte) error {
	return m.w.commit(ctx, false, func(w *writer) error {
		if value == nil {
			return w.exec(`DELETE FROM memory WHERE name = ?`, name)
		}
		return w.exec(`INSERT INTO memory VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, name, value)
	}, nil)
}

// Names lists the names that begin with prefix, sorted.
func (m *Memory) Names(ctx context.Context, prefix string) ([]string, error) {
	rows, err := m.read.QueryContext(ctx, `SELECT name FROM memory WHERE name >= ?1 AND name <= ?1 || char(0x10ffff) AND substr(name, 1, length(?1)) = ?1 ORDER BY name`, prefix)
	if err != nil {
		return nil, err
	}
	return texts(rows)
}

// texts reads rows of one text.
func texts(rows *sql.Rows) ([]string, error) {
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
