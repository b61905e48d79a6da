package prow

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// refusal is an error whose text is for the person who asked.
type refusal struct{ text string }

func (e refusal) Error() string { return e.text }

// Refuse returns an error that hook answers as a comment, word for word, and
// neither logs as a failure nor retries.
func Refuse(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

// Refusal returns the text of a refusal inside err.
func Refusal(err error) (text string, ok bool) {
	var u refusal
	ok = errors.As(err, &u)
	return u.text, ok
}

// Final marks err as one that trying again cannot mend: hook does not retry it,
// crier gives up on it. A nil err stays nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// IsFinal reports whether trying again is pointless.
func IsFinal(err error) bool {
	var f finalError
	var r refusal
	return errors.As(err, &f) || errors.As(err, &r)
}

// RetryAfter is returned by a hand when the other side says when to come back.
type RetryAfter struct {
	At  time.Time
	Err error
}

func (e *RetryAfter) Error() string { return e.Err.Error() }
func (e *RetryAfter) Unwrap() error { return e.Err }

// PeopleError is returned by Assign, AskReview and their opposites when some
// of the people named could not be added or removed; the others were.
type PeopleError struct{ Logins []string }

func (e *PeopleError) Error() string {
	return "not possible for " + strings.Join(e.Logins, ", ")
}

// Reasons why a merge is refused. A hand wraps the forge's own words with one
// of these.
var (
	ErrHeadMoved      = errors.New("the head of the pull request moved")
	ErrBaseMoved      = errors.New("the base branch moved")
	ErrNotMergeable   = errors.New("the forge says it is not mergeable")
	ErrPushForbidden  = errors.New("not allowed to push to the branch")
	ErrMergeForbidden = errors.New("this merge method is not allowed here")
)

// ErrUnchanged is returned by the function given to Jobs.Update to say that there
// is nothing to write.
var ErrUnchanged = errors.New("unchanged")

// ErrForbidden is wrapped by a hand when the credentials do not permit a call.
var ErrForbidden = errors.New("forbidden")
