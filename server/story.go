package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// Step is one line of the story that `prow try` plays.
type Step struct {
	Step string        `json:"step"`
	Text string        `json:"text"`
	URL  string        `json:"url,omitempty"`
	Took time.Duration `json:"-"`
	MS   int64         `json:"ms"`
}

// story plays one change from the first push to the job after the merge, as
// people would: with git and with calls that a browser or gh would make.
type story struct {
	trial  *trial
	jobs   prow.Jobs
	memory prow.Memory
	out    io.Writer
	json   bool
	now    prow.Clock

	started time.Time // of the current step
	dir     string    // clone of the contributor
	pull    prow.IssueID
	since   time.Time // jobs older than the story are not of it
}

// tell ends a step: it prints the line and the time since the last one.
func (s *story) tell(step, url, format string, args ...any) {
	now := s.now()
	st := Step{Step: step, Text: fmt.Sprintf(format, args...), URL: url, Took: now.Sub(s.started), MS: now.Sub(s.started).Milliseconds()}
	s.started = now
	if s.json {
		_ = json.NewEncoder(s.out).Encode(st)
		return
	}
	fmt.Fprintf(s.out, "  %7s  %s\n", fmt.Sprintf("%.2fs", st.Took.Seconds()), st.Text)
}

// play tells the story to its end.
func (s *story) play(ctx context.Context) error {
	s.since = s.now().Add(-time.Second)
	acts := []func(context.Context) error{s.push, s.triggered, s.firstResult, s.mend, s.passed, s.review, s.merged, s.after}
	if s.trial.own {
		acts = []func(context.Context) error{s.push, s.triggered, s.passed, s.review, s.merged, s.after}
	}
	for _, act := range acts {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// push makes a branch with a change and opens a pull request from it.
func (s *story) push(ctx context.Context) error {
	t := s.trial
	s.dir = filepath.Join(t.dir, "alice")
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	if err := s.git(ctx, "", "clone", "--quiet", t.cloneURL("alice"), s.dir); err != nil {
		return err
	}
	branch := "polite-" + s.now().UTC().Format("20060102-150405")
	title, body := "Greet politely", "`greet.sh --polite NAME` wishes a good day."
	change := s.rudeChange
	if t.own {
		title, body, change = "Try Prow", "A line to see the jobs of this repository run.", s.line
		branch = "prow-try-" + s.now().UTC().Format("20060102-150405")
	}
	if err := s.git(ctx, s.dir, "checkout", "--quiet", "-b", branch); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if err := s.commit(ctx, title, "push", "--quiet", "origin", branch); err != nil {
		return err
	}
	id, err := t.as["alice"].OpenPull(ctx, prow.NewPull{Repo: t.repo, Head: branch, Base: t.branch, Title: title, Body: body})
	if err != nil {
		return fmt.Errorf("opening the pull request: %w", err)
	}
	s.pull = id
	s.tell("pull request", t.pullURL(id), "alice pushed a branch and opened pull request #%d, %q", id.Number, title)
	return nil
}

func (s *story) triggered(ctx context.Context) error {
	want := 2 // unit and integration of the made repository; of another one nobody knows
	if s.trial.own {
		want = 1
	}
	jobs, err := s.await(ctx, "jobs are started", func(all []*prow.Job) bool {
		return len(names(all)) >= want && !slices.ContainsFunc(all, waiting)
	})
	if err != nil {
		return err
	}
	s.tell("triggered", s.trial.prURL(s.pull), "jobs started: %s", strings.Join(names(jobs), ", "))
	return nil
}

func waiting(j *prow.Job) bool { return j.Status.State == prow.Triggered }

func (s *story) firstResult(ctx context.Context) error {
	jobs, err := s.await(ctx, "unit fails", func(all []*prow.Job) bool { return named(all, "unit", prow.Failure) != nil })
	if err != nil {
		return err
	}
	j := named(jobs, "unit", prow.Failure)
	s.tell("failed", s.trial.runURL(j), "unit failed, as it should: %s", j.Status.Description)
	return nil
}

// mend pushes a second commit: the test passes now, and what still runs for the
// first commit is ended.
func (s *story) mend(ctx context.Context) error {
	if err := s.politeChange(); err != nil {
		return err
	}
	if err := s.commit(ctx, "Say it as the test wants it", "push", "--quiet", "origin", "HEAD"); err != nil {
		return err
	}
	s.tell("second push", s.trial.pullURL(s.pull), "alice pushed a fix")
	_, err := s.await(ctx, "the superseded run ends", func(all []*prow.Job) bool {
		j := named(all, "integration", prow.Aborted)
		return j != nil && j.Complete()
	})
	if err != nil {
		return err
	}
	s.tell("superseded", "", "the integration test of the first commit was ended")
	return nil
}

func (s *story) passed(ctx context.Context) error {
	p, err := s.trial.as["alice"].Pull(ctx, s.pull)
	if err != nil {
		return err
	}
	jobs, err := s.await(ctx, "the tests of the newest commit pass", func(all []*prow.Job) bool {
		all = slices.DeleteFunc(slices.Clone(all), func(j *prow.Job) bool { return j.Pull() == nil || j.Pull().SHA != p.HeadSHA })
		return len(all) > 0 && !slices.ContainsFunc(all, func(j *prow.Job) bool { return !j.Complete() })
	})
	if err != nil {
		return err
	}
	var bad []string
	for _, j := range jobs {
		if pr := j.Pull(); pr != nil && pr.SHA == p.HeadSHA && j.Status.State != prow.Success {
			bad = append(bad, fmt.Sprintf("%s: %s (%s)", j.Spec.Job, j.Status.Description, s.trial.runURL(j)))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("tests did not pass:\n  %s", strings.Join(bad, "\n  "))
	}
	s.tell("passed", s.trial.prURL(s.pull), "all tests of %.7s passed", p.HeadSHA)
	return nil
}

func (s *story) review(ctx context.Context) error {
	says := []struct{ who, what, label string }{{s.trial.reviewer, "/lgtm", prow.LGTM}}
	if s.trial.approver != "" {
		says = append(says, struct{ who, what, label string }{s.trial.approver, "/approve", prow.Approved})
	}
	for _, say := range says {
		if err := s.trial.as[say.who].Comment(ctx, s.pull, "said-"+say.who, say.what); err != nil {
			return fmt.Errorf("%s says %s: %w", say.who, say.what, err)
		}
		err := s.until(ctx, "the label "+say.label, func() (bool, error) {
			p, err := s.trial.as["alice"].Pull(ctx, s.pull)
			// The last condition may merge it before we look.
			return err == nil && (p.HasLabel(say.label) || p.Merged), err
		})
		if err != nil {
			return err
		}
		s.tell(strings.TrimPrefix(say.what, "/"), s.trial.pullURL(s.pull), "%s said %s: label %s", say.who, say.what, say.label)
	}
	return nil
}

func (s *story) merged(ctx context.Context) error {
	var p *prow.Pull
	err := s.until(ctx, "the merge", func() (merged bool, err error) {
		p, err = s.trial.as["alice"].Pull(ctx, s.pull)
		return err == nil && p.Merged, err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.why(ctx))
	}
	s.tell("merged", s.trial.prURL(s.pull), "tide merged #%d into %s as %.7s", s.pull.Number, s.trial.branch, p.MergeSHA)
	return nil
}

// why returns the checklist of a pull request that does not merge.
func (s *story) why(ctx context.Context) string {
	b, err := s.memory.Load(ctx, prow.VerdictName(s.pull))
	if err != nil {
		return "tide has not looked at it yet"
	}
	var v prow.Verdict
	if err := json.Unmarshal(b, &v); err != nil {
		return err.Error()
	}
	return v.Text
}

func (s *story) after(ctx context.Context) error {
	if s.trial.own && !s.trial.postsubmits {
		return nil
	}
	var j *prow.Job
	err := s.until(ctx, "the postsubmit", func() (bool, error) {
		all, err := s.jobs.List(ctx, prow.JobFilter{Repo: s.trial.repo, Types: []prow.Type{prow.Postsubmit}, Since: s.since})
		if err != nil || len(all) == 0 || !all[0].Complete() {
			return false, err
		}
		j = all[0]
		return true, nil
	})
	if err != nil {
		return err
	}
	if j.Status.State != prow.Success {
		return fmt.Errorf("the postsubmit %s ended in %s: %s (%s)", j.Spec.Job, j.Status.State, j.Status.Description, s.trial.runURL(j))
	}
	s.tell("postsubmit", s.trial.runURL(j), "%s ran on %s: %s", j.Spec.Job, s.trial.branch, j.Status.Description)
	return nil
}

// await waits until the pull request's jobs are as wanted.
func (s *story) await(ctx context.Context, what string, ok func([]*prow.Job) bool) ([]*prow.Job, error) {
	var jobs []*prow.Job
	err := s.until(ctx, what, func() (bool, error) {
		var err error
		jobs, err = s.jobs.List(ctx, prow.JobFilter{Repo: s.pull.Repo, Pull: s.pull.Number, Types: []prow.Type{prow.Presubmit}})
		return err == nil && ok(jobs), err
	})
	if err != nil {
		for _, j := range jobs {
			err = fmt.Errorf("%w\n  %s is %s: %s", err, j.Spec.Job, j.Status.State, j.Status.Description)
		}
	}
	return jobs, err
}

// patience is how long one step of the story may take: the built-in one needs
// seconds, an own repository's tests may need long.
func (s *story) patience() time.Duration {
	if s.trial.own {
		return 30 * time.Minute
	}
	return time.Minute
}

func (s *story) until(ctx context.Context, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if done {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("waited %s until %s, in vain", s.patience(), what)
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func named(jobs []*prow.Job, name string, state prow.State) *prow.Job {
	for _, j := range jobs {
		if j.Spec.Job == name && j.Status.State == state {
			return j
		}
	}
	return nil
}

func names(jobs []*prow.Job) []string {
	var out []string
	for _, j := range jobs {
		if !slices.Contains(out, j.Spec.Job) {
			out = append(out, j.Spec.Job)
		}
	}
	slices.Sort(out)
	return out
}

// rudeChange adds the feature with a bug in it, and the test that finds it.
func (s *story) rudeChange() error {
	return s.write("polite.txt", "greet.sh knows --polite since this file was added in "+s.now().UTC().Format(time.RFC3339)+".\n",
		"greet.sh", strings.ReplaceAll(polite, "Good day", "Good dya"))
}

func (s *story) politeChange() error { return s.write("greet.sh", polite) }

const polite = `#!/bin/sh
# greet [--polite] NAME prints a greeting.
if [ "$1" = --polite ]; then
  echo "Good day, ${2:-world}!"
else
  echo "Hello, ${1:-world}!"
fi
`

// line is the change made to a repository that we know nothing of.
func (s *story) line() error {
	return s.write("PROW_TRY.md", "This line was added by `prow try` at "+s.now().UTC().Format(time.RFC3339)+".\n")
}

func (s *story) write(namesAndTexts ...string) error {
	for i := 0; i < len(namesAndTexts); i += 2 {
		if err := os.WriteFile(filepath.Join(s.dir, namesAndTexts[i]), []byte(namesAndTexts[i+1]), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) commit(ctx context.Context, message string, push ...string) error {
	if err := s.git(ctx, s.dir, "add", "--all"); err != nil {
		return err
	}
	if err := s.git(ctx, s.dir, "-c", "user.name=Alice", "-c", "user.email=alice@example.com", "commit", "--quiet", "-m", message); err != nil {
		return err
	}
	return s.git(ctx, s.dir, push...)
}

func (s *story) git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", args[0], err, strings.ReplaceAll(string(out), s.trial.tokens["alice"], "***"))
	}
	return nil
}
