package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema1.sql
var schema1 string

// migrations lead from each schema version to the next. What is released is
// never edited; a change is another file. In a rolling update the old version
// runs on beside the new schema, so a change only adds.
func migrations() []string { return []string{schema1} }

// migrationLock keeps processes that start at once apart: "prow".
const migrationLock = 0x70726f77

// migrate brings the database to the newest schema, in one transaction.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	steps := migrations()
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
			return err
		}
		version, err := schemaVersion(ctx, tx)
		if err != nil || version == len(steps) {
			return err
		}
		if version > len(steps) {
			return fmt.Errorf("a newer Prow wrote it (schema %d, this one knows %d): start that version, or use another database", version, len(steps))
		}
		for _, step := range steps[version:] {
			if _, err := tx.Exec(ctx, step); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE prow.schema SET version = $1`, len(steps))
		return err
	})
}

// schemaVersion returns 0 for a database that has nothing of ours. A schema
// `prow` that somebody made for us may be there already.
func schemaVersion(ctx context.Context, tx pgx.Tx) (version int, err error) {
	var schema, table bool
	err = tx.QueryRow(ctx, `SELECT to_regnamespace('prow') IS NOT NULL, to_regclass('prow.schema') IS NOT NULL`).Scan(&schema, &table)
	if err != nil {
		return 0, err
	}
	if !schema {
		if _, err := tx.Exec(ctx, `CREATE SCHEMA prow`); err != nil {
			return 0, err
		}
	}
	if !table {
		_, err := tx.Exec(ctx, `CREATE TABLE prow.schema (version int NOT NULL); INSERT INTO prow.schema VALUES (0)`)
		return 0, err
	}
	err = tx.QueryRow(ctx, `SELECT version FROM prow.schema`).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		err = errors.New("the table prow.schema is empty: drop the schema prow to begin anew")
	}
	return version, err
}
