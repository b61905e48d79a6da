// Package trigger says which jobs run, and why: configured jobs, a change and a
// command in, wants out, and from a want the Job. It does no I/O.
package trigger

import (
	"crypto/sha256"
	"fmt"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Want is a presubmit that should run, and the sentence why.
type Want struct {
	Presubmit config.Presubmit
	Why       string
}

// Skip is a presubmit that does not run, and the sentence why not.
type Skip struct {
	Presubmit config.Presubmit
	Why       string
}

// WantPush is a postsubmit that should run, and the sentence why.
type WantPush struct {
	Postsubmit config.Postsubmit
	Why        string
}

// SkipPush is a postsubmit that does not run, and the sentence why not.
type SkipPush struct {
	Postsubmit config.Postsubmit
	Why        string
}

// Change is what is known of a change. Files is called at most once, and only if
// a job's answer depends on it.
type Change struct {
	Branch string
	Files  func() ([]string, error)
	// OKToTest says that /ok-to-test in a comment is honoured: it asks for what
	// /test all asks for.
	OKToTest bool
}

// JobID names a job by its cause: the same delivery, job and refs give the same
// ID, so a redelivered webhook makes no second job. It has the form of a UUID.
func JobID(cause, job string, refs *prow.Refs) string {
	text := cause + "\x00" + job + "\x00"
	if refs != nil {
		text += refs.RepoID().String() + "\x00" + refs.String()
	}
	h := sha256.Sum256([]byte(text))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8, as RFC 9562 has it for made-up ids
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
