package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is an open database. Its fields implement the ports of their names.
type DB struct {
	Inbox   *Inbox
	Memory  *Memory
	Journal *Journal

	pool    *pgxpool.Pool
	log     *slog.Logger
	replica *replica

	stop    context.CancelFunc
	ctx     context.Context // of what runs beside the callers; ends with Close
	running sync.WaitGroup
	once    sync.Once
}

// Limits of a connection that the URL does not set itself.
const (
	connectTimeout = 10 * time.Second
	maxConns       = 8
	// defaultLease is how long a process that is not heard of keeps what it
	// claimed.
	defaultLease = 15 * time.Second
)

// limits of statements: nothing of ours takes longer, and nothing may wait for
// longer for somebody else.
func limits() map[string]string {
	return map[string]string{
		"application_name": "prow", "statement_timeout": "30s", "lock_timeout": "20s",
		"idle_in_transaction_session_timeout": "60s",
	}
}

// Open connects to the database that url names and brings it to the newest
// schema; many processes may do so at once. The url may say how TLS is used
// (sslmode, sslrootcert, sslcert, sslkey), how large the pool is
// (pool_max_conns), and name several hosts with target_session_attrs=read-write.
// It is a secret: no error and no log line contains it. The context bounds the
// opening alone.
func Open(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	return open(ctx, url, log, defaultLease)
}

func open(ctx context.Context, url string, log *slog.Logger, lease time.Duration) (*DB, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	config, err := configOf(url)
	if err != nil {
		return nil, err
	}
	// No connection is made yet.
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, errors.New("the database URL asks for something impossible: look at its pool_ options")
	}
	db := &DB{pool: pool, log: log}
	db.ctx, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	db.replica = &replica{db: db, id: int64(rand.Uint64() >> 1), lease: lease}
	if err := db.begin(ctx); err != nil {
		db.stop()
		pool.Close()
		return nil, fmt.Errorf("open the database: %w", explain(err))
	}
	return db, nil
}

// begin makes the database ready and starts what runs beside the callers.
func (db *DB) begin(ctx context.Context) error {
	if err := db.retry(ctx, func(ctx context.Context) error { return migrate(ctx, db.pool) }); err != nil {
		return err
	}
	if _, err := db.replica.renew(ctx); err != nil {
		return err
	}
	db.Inbox = newInbox(db)
	db.Memory = &Memory{db: db}
	db.Journal = newJournal(db)
	db.running.Go(func() { db.replica.live(db.ctx) })
	db.running.Go(func() { db.listen(db.ctx) })
	db.running.Go(func() {
		for wait(db.ctx, time.Hour) {
			if err := db.Journal.forget(db.ctx); err != nil && db.ctx.Err() == nil {
				db.log.Warn("old notes not deleted, tried again", "err", explain(err))
			}
		}
	})
	return nil
}

func configOf(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// What pgx says may quote parts of the URL.
		return nil, errors.New("the database URL cannot be read: want postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, " +
			"other characters than letters and digits in the password written as %XX")
	}
	c := config.ConnConfig
	for name, value := range limits() {
		if _, ok := c.RuntimeParams[name]; !ok {
			c.RuntimeParams[name] = value
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = maxConns
	}
	return config, nil
}

// Healthy returns an error if the database does not answer.
func (db *DB) Healthy(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", explain(err))
	}
	return nil
}

// Close gives back what this process claimed, ends all watches and closes the
// connections. Calls after it fail; a second Close does nothing.
func (db *DB) Close() error {
	var err error
	db.once.Do(func() {
		db.stop()
		db.Inbox.hub.Close()
		db.running.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(db.ctx), connectTimeout)
		defer cancel()
		// Otherwise the claims run out by themselves.
		if err = db.replica.leave(ctx); err != nil {
			err = fmt.Errorf("give back claims: %w", explain(err))
		}
		db.pool.Close()
	})
	return err
}

// tx is a transaction at the usual isolation: each statement sees what was
// committed before it.
func (db *DB) tx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, db.pool, do)
}
