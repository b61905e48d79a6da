package jenkins

import (
	"fmt"

	prow "github.com/prow-ci/prow"
)

// verb is what to do about a job.
type verb int

const (
	wait    verb = iota
	start        // no build of it is known
	search       // there should be a build, and none is found
	tell         // why it is where it is
	run          // its build runs
	end          // its build has ended
	cancel       // take its build out of the queue
	stop         // stop its build
	finish       // nothing of it runs any more
	release      // out of scheduling
)

// step is what to do next about a job, and why.
type step struct {
	do  verb
	to  prow.State // of end
	why string
}

// Texts that people and scripts know from the original.
const (
	textEnqueued = "Jenkins job enqueued."
	textRunning  = "Jenkins job running."
	textAborted  = "Jenkins job aborted."
	textNoStart  = "Error starting Jenkins job."
	textNotFound = "Error finding Jenkins job."
)

// decide says what to do about a job that is not complete, given its build; a nil
// build is none. asked says that Jenkins was asked for one.
func decide(j *prow.Job, b *build, asked bool) step {
	switch j.Status.State {
	case "", prow.Scheduling:
		return step{do: release}
	case prow.Aborted:
		switch {
		case b == nil || b.ended():
			return step{do: finish}
		case b.queued():
			return step{do: cancel}
		}
		return step{do: stop}
	}
	switch {
	case b == nil && j.Status.State == prow.Triggered && !asked:
		return step{do: start}
	case b == nil:
		return step{do: search}
	case b.queued() && j.Status.State == prow.Triggered:
		return step{do: tell, why: textEnqueued}
	case b.queued():
		return step{}
	case b.ended():
		to, why := verdict(b.result)
		return step{do: end, to: to, why: why}
	}
	return step{do: run, why: textRunning}
}

// verdict is what a result of Jenkins means.
func verdict(result string) (to prow.State, why string) {
	switch result {
	case "SUCCESS":
		return prow.Success, "Jenkins job succeeded."
	case "FAILURE", "UNSTABLE":
		return prow.Failure, "Jenkins job failed."
	case "ABORTED":
		return prow.Aborted, textAborted
	}
	return prow.Error, fmt.Sprintf("The Jenkins job ended with %s, which says neither that it passed nor that it failed.", result)
}

// places counts jobs that run or wait in Jenkins' queue.
type places struct {
	all  int
	name map[string]int
}

func (p *places) take(j *prow.Job) {
	if p.name == nil {
		p.name = map[string]int{}
	}
	p.all++
	p.name[j.Spec.Job]++
}

// full says why j may not start beside those that have a place; "" is that it may.
func (p *places) full(j *prow.Job, limit int) string {
	switch {
	case limit > 0 && p.all >= limit:
		return fmt.Sprintf("Waiting for a place: this Jenkins operator runs at most %d jobs at once.", limit)
	case j.Spec.MaxConcurrency > 0 && p.name[j.Spec.Job] >= j.Spec.MaxConcurrency:
		return fmt.Sprintf("Waiting for its turn: at most %d of %s run at once.", j.Spec.MaxConcurrency, j.Spec.Job)
	}
	return ""
}

// olderDuplicates returns the presubmits among jobs, oldest created first, that a
// newer one for the same pull request supersedes.
func olderDuplicates(jobs []*prow.Job) (older []*prow.Job) {
	newest := map[string]*prow.Job{}
	for _, j := range jobs {
		if j.Spec.Type != prow.Presubmit || j.Pull() == nil || j.Status.State.Final() {
			continue
		}
		key := fmt.Sprintf("%s %s#%d", j.Spec.Job, j.Spec.Refs.RepoID(), j.Pull().Number)
		switch other := newest[key]; {
		case other == nil:
			newest[key] = j
		case j.Status.StartTime.Before(&other.Status.StartTime):
			older = append(older, j)
		default:
			older = append(older, other)
			newest[key] = j
		}
	}
	return older
}
