package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// take takes a step.
func (p *pass) take(ctx context.Context, j *prow.Job, b *build, s step) error {
	n := p.note(j)
	if b != nil {
		n.asked = true
		if b.queued() {
			n.item = b.item
		}
		n.missing = time.Time{}
	}
	switch s.do {
	case release: // Jenkins is the only cluster there is
		_, err := p.update(ctx, j, func(j *prow.Job) error { return j.Advance(prow.Triggered, p.Now(), "Waiting to be started.") })
		p.again()
		return err
	case tell:
		if s.why == textEnqueued {
			p.again()
		}
		return p.describe(ctx, j, s.why)
	case start:
		return p.start(ctx, j, n)
	case search:
		return p.search(ctx, j, n)
	case run:
		return p.run(ctx, j, b)
	case end:
		return p.conclude(ctx, j, s.to, s.why, b)
	case cancel:
		p.again()
		return p.Jenkins.cancel(ctx, b.item)
	case stop:
		p.again()
		return p.stop(ctx, b, n)
	case finish:
		return p.finish(ctx, j, b, n)
	}
	return nil
}

// describe says why j is where it is, if that is news.
func (p *pass) describe(ctx context.Context, j *prow.Job, why string) error {
	if j.Status.Description == why {
		return nil
	}
	_, err := p.update(ctx, j, func(j *prow.Job) error {
		j.Status.Description = why
		return nil
	})
	return err
}

// start asks Jenkins for a build.
func (p *pass) start(ctx context.Context, j *prow.Job, n *note) error {
	at := jobPath(j)
	ready, err := p.ready(ctx, j, at, n)
	if err != nil || !ready {
		return err
	}
	j.Status.BuildID = p.BuildID()
	env, err := j.Env("", "")
	if err != nil {
		return err
	}
	delete(env, "BUILD_NUMBER") // Jenkins has its own
	p.again()
	item, err := p.Jenkins.start(ctx, at, env)
	if refused(err) {
		return p.broken(ctx, j, textNoStart+" "+sentence(err.Error()))
	}
	n.asked, n.item, n.unsure = true, item, err != nil
	if err != nil { // it may have been carried out: the next look tells
		n.missing = p.Now()
		return err
	}
	p.Log.Info("build enqueued", "job", j.Name, "name", j.Spec.Job, "build", j.Status.BuildID)
	return p.describe(ctx, j, textEnqueued)
}

// ready reports whether the Jenkins job of j takes parameters.
func (p *pass) ready(ctx context.Context, j *prow.Job, at string, n *note) (bool, error) {
	d, err := p.Jenkins.define(ctx, at)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !p.lost(n):
		p.again() // that of a new branch is made in a moment
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, p.broken(ctx, j, fmt.Sprintf("%s Jenkins has no job at %s, or does not show it to Prow.", textNoStart, at))
	case refused(err):
		return false, p.broken(ctx, j, textNoStart+" "+sentence(err.Error()))
	case err != nil:
		return false, errors.Join(err, p.describe(ctx, j, "It could not be started yet, and is tried again: "+sentence(err.Error())))
	case d.Buildable != nil && !*d.Buildable:
		return false, p.broken(ctx, j, fmt.Sprintf("%s The job at %s is disabled in Jenkins.", textNoStart, at))
	}
	return p.taught(ctx, d, at)
}

// taught reports whether a job has read its definition. It does so in its first
// build, which is begun for that and then aborted.
func (p *pass) taught(ctx context.Context, d *definition, at string) (bool, error) {
	switch ours := p.lesson(at); {
	case ours && d.LastBuild != nil && d.LastBuild.Number == 1 && d.LastBuild.Building:
		p.again()
		return false, p.Jenkins.stop(ctx, at, 1, 0)
	case d.parameterized() || d.LastBuild != nil:
		return true, nil
	case !ours && !d.InQueue:
		p.begunLesson(at)
		p.again()
		return false, p.Jenkins.teach(ctx, at)
	}
	p.again()
	return false, nil
}

// lesson reports whether the first build at a path is only to be aborted.
func (w *Worker) lesson(at string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lessons[at]
}

func (w *Worker) begunLesson(at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lessons[at] = true
}

// search decides about a build that should be there and is not.
func (p *pass) search(ctx context.Context, j *prow.Job, n *note) error {
	if !p.lost(n) {
		p.again()
		return nil
	}
	gone, err := p.cancelled(ctx, n)
	if err != nil {
		return err
	}
	if gone {
		return p.conclude(ctx, j, prow.Aborted, textAborted+" Somebody took it out of Jenkins' queue.", nil)
	}
	if n.unsure && j.Status.State == prow.Triggered {
		*n = note{} // Jenkins never got the request
		p.again()
		return nil
	}
	return p.broken(ctx, j, textNotFound+" There is none in Jenkins' queue and none among the builds whose parameter PROW_JOB_ID is "+j.Name+"; the Jenkins job has to have that parameter.")
}

// run notes that a build runs.
func (p *pass) run(ctx context.Context, j *prow.Job, b *build) error {
	number := strconv.Itoa(b.number)
	if j.Status.State == prow.Pending && j.Status.JenkinsBuildID == number && j.Status.Description == textRunning {
		return nil
	}
	begins := j.Status.State == prow.Triggered
	ok, err := p.update(ctx, j, func(j *prow.Job) error {
		if err := p.belong(j, b); err != nil {
			return err
		}
		j.Status.Description = textRunning
		return nil
	})
	if err != nil || !ok || !begins {
		return err
	}
	p.Log.Info("job started", "job", j.Name, "name", j.Spec.Job, "build", j.Status.BuildID)
	return p.journal(ctx, j, "Started "+j.Spec.Job+" as build "+number+" of Jenkins.")
}

// belong notes which build is j's.
func (p *pass) belong(j *prow.Job, b *build) error {
	if b.id != "" {
		j.Status.BuildID = b.id
	}
	j.Status.JenkinsBuildID = strconv.Itoa(b.number)
	j.Status.URL = p.url(j, b)
	if j.Status.State == prow.Triggered {
		return j.Advance(prow.Pending, p.Now(), textRunning)
	}
	return nil
}

// conclude says how a job ended, with its build or without.
func (p *pass) conclude(ctx context.Context, j *prow.Job, to prow.State, why string, b *build) error {
	ok, err := p.update(ctx, j, func(j *prow.Job) error {
		if b != nil {
			if err := p.belong(j, b); err != nil {
				return err
			}
		}
		if err := j.Advance(to, p.Now(), why); err != nil || to != prow.Aborted {
			return err
		}
		return j.Finish(p.Now())
	})
	if err != nil || !ok {
		return err
	}
	return p.tellStory(ctx, j)
}

// cancelled reports whether somebody took the job out of Jenkins' queue.
func (p *pass) cancelled(ctx context.Context, n *note) (bool, error) {
	if n.item == 0 {
		return false, nil
	}
	return p.Jenkins.cancelled(ctx, n.item)
}

// stop asks a build to end, and harder with each Patience that passes.
func (p *pass) stop(ctx context.Context, b *build, n *note) error {
	if n.stopped.IsZero() {
		n.stopped = p.Now()
	}
	return p.Jenkins.stop(ctx, b.path, b.number, int(p.Now().Sub(n.stopped)/p.Patience))
}

// finish completes an aborted job, unless a build of it may be on its way from the
// queue.
func (p *pass) finish(ctx context.Context, j *prow.Job, b *build, n *note) error {
	if b == nil && n.asked && !p.lost(n) {
		if gone, err := p.cancelled(ctx, n); err != nil || !gone {
			p.again()
			return err
		}
	}
	ok, err := p.update(ctx, j, func(j *prow.Job) error {
		if b != nil {
			if err := p.belong(j, b); err != nil {
				return err
			}
		}
		if j.Status.Description == "" || j.Status.Description == textEnqueued || j.Status.Description == textRunning {
			j.Status.Description = textAborted
		}
		return j.Finish(p.Now())
	})
	if err != nil || !ok {
		return err
	}
	return p.tellStory(ctx, j)
}

// broken ends a job that could not be run.
func (p *pass) broken(ctx context.Context, j *prow.Job, why string) error {
	ok, err := p.update(ctx, j, func(j *prow.Job) error {
		j.Status.URL = p.Config().StatusErrorLink
		return j.Advance(prow.Error, p.Now(), why)
	})
	if err != nil || !ok {
		return err
	}
	return p.tellStory(ctx, j)
}

// lost reports whether what is looked for has been missing for too long.
func (p *pass) lost(n *note) bool {
	if n.missing.IsZero() {
		n.missing = p.Now()
	}
	return p.Now().Sub(n.missing) >= p.Patience
}

// tellStory notes how a job ended.
func (p *pass) tellStory(ctx context.Context, j *prow.Job) error {
	p.Log.Info("job ended", "job", j.Name, "name", j.Spec.Job, "build", j.Status.JenkinsBuildID, "state", string(j.Status.State))
	return p.journal(ctx, j, j.Ended())
}

// journal writes the story of what the job is about.
func (p *pass) journal(ctx context.Context, j *prow.Job, text string) error {
	refs := j.MainRefs()
	if refs == nil || p.Journal == nil {
		return nil
	}
	n := prow.Note{At: p.Now(), Where: prow.IssueID{Repo: refs.RepoID()}, Who: "jenkins-operator", Kind: "job", Text: text, Job: j.Name, URL: j.Status.URL}
	if len(refs.Pulls) == 0 {
		return p.Journal.Record(ctx, n)
	}
	var errs []error
	for _, pull := range refs.Pulls {
		n.Where.Number = pull.Number
		errs = append(errs, p.Journal.Record(ctx, n))
	}
	return errors.Join(errs...)
}

// sentence ends s with a full stop.
func sentence(s string) string { return strings.TrimRight(s, ". \n") + "." }
