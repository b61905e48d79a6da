package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// explain says what a person can do about an error of the file.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_NOTADB:
		return fmt.Errorf("it is not a database, or it is damaged: move it away, or restore a copy: %w", err)
	case lib.SQLITE_CORRUPT:
		return fmt.Errorf("it is damaged: restore a copy, or move it away to start anew: %w", err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("the disk is full: make room: %w", err)
	case lib.SQLITE_IOERR:
		return fmt.Errorf("the disk refuses: look at its free space and health: %w", err)
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return fmt.Errorf("it cannot be written: check the permissions of the file and its folder: %w", err)
	}
	return err
}
