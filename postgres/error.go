package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// patience is for how long a call is tried again while the database is not
	// there, long enough for its restart.
	patience = 30 * time.Second
)

// retry calls do until it works, fails for a reason that does not pass, or
// nothing can be gained by waiting. do must be such that twice is once.
func (db *DB) retry(ctx context.Context, do func(context.Context) error) error {
	begun := time.Now()
	for n := 0; ; n++ {
		err := do(ctx)
		if err == nil || ctx.Err() != nil || !passes(err) || time.Since(begun) > patience {
			return err
		}
		if !wait(ctx, pause(n)) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// pause grows with the number of failures, with jitter, so that many who failed
// together do not come back together.
func pause(n int) time.Duration {
	p := min(firstPause<<min(n, 10), longestPause)
	return p/2 + rand.N(p)
}

// wait returns false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// passes reports whether the same call may work later.
func passes(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return passing(refused.Code)
	}
	if mistrusts(err) {
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}

// mistrusts reports whether the certificate of the database is not the one that
// the URL asks for.
func mistrusts(err error) bool {
	var chain *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &chain) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// passing says it of the codes in which Postgres refuses.
func passing(code string) bool {
	switch code {
	case "40001", "40P01", // two transactions in each other's way
		"55P03", "57014", // waited too long
		"57P01", "57P02", "57P03", // it stops, or starts
		"53300", // too many connections
		"25006", // a standby that is to become the primary
		"0A000": // a plan made before another process changed the schema
		return true
	}
	return strings.HasPrefix(code, "08") // the connection
}

// explain says what a person can do about an error of the database. What pgx
// says names the host, the user and the database, never the password.
func explain(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		var connect *pgconn.ConnectError
		switch {
		case mistrusts(err):
			return fmt.Errorf("its certificate is not trusted: see sslrootcert and the host in the URL: %w", err)
		case errors.As(err, &connect):
			return fmt.Errorf("it does not answer: see that it runs and can be reached from here: %w", err)
		}
		return err
	}
	switch refused.Code {
	case "28P01", "28000":
		return fmt.Errorf("it refuses the login: see user, password and pg_hba.conf: %w", err)
	case "3D000":
		return fmt.Errorf("there is no such database: create it first (createdb): %w", err)
	case "42501":
		return fmt.Errorf("the user may not do this: make it the owner of the database, or of a schema prow in it: %w", err)
	case "53100":
		return fmt.Errorf("its disk is full: make room: %w", err)
	case "53300":
		return fmt.Errorf("it has no connection left: raise max_connections, or lower pool_max_conns in the URL: %w", err)
	}
	return err
}
