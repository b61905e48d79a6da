// Package trigger says which jobs run, and why: configured jobs, a change and a
// command in, wants out, and from a want the Job. It does no I/O.
package trigger

import (
	"crypto/sha256"
	"fmt"
	"time"

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

// Change is what is known of a change. Files is called at most once, and only if
// a job's answer depends on it.
type Change struct {
	Branch string
	Files  func() ([]string, error)
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

// Extra is what the creator of a job adds to it.
type Extra struct {
	Labels      map[string]string
	Annotations map[string]string
	Why         string
}

// PresubmitJob makes the job that tests refs, which have exactly one pull.
func PresubmitJob(cfg *config.Config, p *config.Presubmit, refs prow.Refs, id string, now time.Time, extra Extra) *prow.Job {
	return nil
}

// BatchJob makes the job that tests refs with several pulls.
func BatchJob(cfg *config.Config, p *config.Presubmit, refs prow.Refs, id string, now time.Time, extra Extra) *prow.Job {
	return nil
}

// PostsubmitJob makes the job that tests refs without pulls.
func PostsubmitJob(cfg *config.Config, p *config.Postsubmit, refs prow.Refs, id string, now time.Time, extra Extra) *prow.Job {
	return nil
}

// PeriodicJob makes a run of p.
func PeriodicJob(cfg *config.Config, p *config.Periodic, id string, now time.Time, extra Extra) *prow.Job {
	return nil
}

// PullRefs returns the refs of a pull request on its base at baseSHA.
func PullRefs(p *prow.Pull, baseSHA string) prow.Refs { return prow.Refs{} }
