// Package plan says which jobs would run for a change, and why each other one
// would not. It runs none.
//
// Takes: a configuration and a change, which is a list of files, a clone, or a
// pull request. Gives: a Plan, as text or JSON. Woken by: `prow plan`.
package plan

import (
	"cmp"
	"fmt"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/trigger"
)

// Cause is what would start the jobs.
type Cause string

// The causes.
const (
	ByChange  Cause = "change"  // a pull request is opened or pushed to
	ByComment Cause = "comment" // somebody comments on it
	ByPush    Cause = "push"    // the branch is pushed to, for example by a merge
)

// Plan is the answer. Its JSON is documented in docs/plan.md: keys are added, not
// renamed.
type Plan struct {
	Repo    string   `json:"repo"`
	Branch  string   `json:"branch"`
	Pull    int      `json:"pull,omitempty"`
	Cause   Cause    `json:"cause"`
	Comment string   `json:"comment,omitempty"`
	Base    string   `json:"base,omitempty"` // commit that the change is compared with
	Head    string   `json:"head,omitempty"` // commit of the change
	Files   []string `json:"files"`          // changed, old names of renamed ones included
	InRepo  InRepo   `json:"in_repo"`
	// Waits is what has to happen before anything runs, a sentence each: "the draft
	// is marked as ready for review".
	Waits []string `json:"waits,omitempty"`
	Run   []Job    `json:"run"`
	Skip  []Job    `json:"skip"`
	// Help is why Prow would answer the comment with an explanation.
	Help  string   `json:"help,omitempty"`
	Notes []string `json:"notes,omitempty"` // what else decides, a sentence each
}

// InRepo is what became of the repository's own jobs.
type InRepo struct {
	Enabled  bool             `json:"enabled"`            // by in_repo_config
	From     string           `json:"from,omitempty"`     // what they were read from
	Problems []config.Problem `json:"problems,omitempty"` // why they could not be used
	Error    string           `json:"error,omitempty"`    // the same as text; "" where they could
}

// Job is one configured job and the answer for it.
type Job struct {
	Name     string    `json:"job"`
	Type     prow.Type `json:"type"`
	Context  string    `json:"context,omitempty"`
	Required bool      `json:"required"` // its success is needed for the merge, where it runs
	Why      string    `json:"why"`
	File     string    `json:"file,omitempty"`
	Line     int       `json:"line,omitempty"`
	InRepo   bool      `json:"in_repo,omitempty"` // it is one of the repository's own
	Command  string    `json:"command,omitempty"` // what to comment to have it
	Try      string    `json:"try,omitempty"`     // what to type to run it here
}

// Change is what is asked about.
type Change struct {
	Repo       prow.Repo
	Branch     string
	Pull       int
	Base, Head string
	Files      []string
	Push       bool   // what a push of the files to the branch starts
	Comment    string // what this comment starts
	// Results are those of the head, for /retest; nil: there are none.
	Results func() ([]prow.Check, error)
	// Try returns what to type to run a job here; nil: nothing is said of it.
	Try func(job string) string
}

// Make answers for a change; jobs are those of its repository at the revision that
// counts. The error is that of Results.
func Make(cfg *config.Config, jobs *config.RepoJobs, c Change) (*Plan, error) {
	p := &Plan{
		Repo: c.Repo.String(), Branch: c.Branch, Pull: c.Pull, Cause: ByChange, Comment: c.Comment, Base: c.Base, Head: c.Head,
		Files: c.Files, InRepo: InRepo{Enabled: cfg.InRepoEnabled(c.Repo)}, Run: []Job{}, Skip: []Job{},
	}
	if p.Files == nil {
		p.Files = []string{}
	}
	p.broken(jobs.Broken)
	d := describer{own: ownJobs(cfg, c.Repo, jobs), try: c.Try}
	if c.Push {
		p.Cause = ByPush
		wants, skips := trigger.Pushed(jobs.Postsubmits, c.Branch, c.Files)
		for i := range wants {
			p.Run = append(p.Run, d.run(d.postsubmit(&wants[i].Postsubmit, wants[i].Why)))
		}
		for i := range skips {
			p.Skip = append(p.Skip, d.postsubmit(&skips[i].Postsubmit, skips[i].Why))
		}
		return p, nil
	}
	wants, skips, err := p.decide(jobs.Presubmits, c)
	for i := range wants {
		p.Run = append(p.Run, d.run(d.presubmit(&wants[i].Presubmit, wants[i].Why)))
	}
	for i := range skips {
		p.Skip = append(p.Skip, d.presubmit(&skips[i].Presubmit, skips[i].Why))
	}
	return p, err
}

func (p *Plan) decide(jobs []config.Presubmit, c Change) ([]trigger.Want, []trigger.Skip, error) {
	change := trigger.Change{Branch: c.Branch, OKToTest: true, Files: func() ([]string, error) { return c.Files, nil }}
	if c.Comment == "" {
		return trigger.Automatic(jobs, change)
	}
	p.Cause = ByComment
	a, err := trigger.Commanded(jobs, c.Comment, change, c.Results)
	p.Help = a.Help
	if err == nil && !a.Relevant() {
		p.Notes = append(p.Notes, "the comment holds no command that starts jobs")
	}
	return a.Wants, a.Skips, err
}

// broken notes why the repository's own jobs are not among the others.
func (p *Plan) broken(err error) {
	if err == nil {
		return
	}
	p.InRepo.Error = err.Error()
	if problems, ok := err.(config.Problems); ok {
		p.InRepo.Problems = problems
	}
}

// describer makes Jobs.
type describer struct {
	own map[config.Position]bool
	try func(string) string
}

// ownJobs are the places of the jobs that the repository brings itself.
func ownJobs(cfg *config.Config, r prow.Repo, jobs *config.RepoJobs) map[config.Position]bool {
	out := map[config.Position]bool{}
	for _, j := range jobs.Presubmits[len(cfg.Presubmits(r)):] {
		out[j.Source] = true
	}
	for _, j := range jobs.Postsubmits[len(cfg.Postsubmits(r)):] {
		out[j.Source] = true
	}
	return out
}

func (d *describer) presubmit(j *config.Presubmit, why string) Job {
	out := d.job(&j.JobBase, prow.Presubmit, &j.Reporter, why)
	out.Required, out.Command = j.Required(), j.RerunCommand
	return out
}

func (d *describer) postsubmit(j *config.Postsubmit, why string) Job {
	return d.job(&j.JobBase, prow.Postsubmit, &j.Reporter, why)
}

func (d *describer) job(j *config.JobBase, t prow.Type, r *config.Reporter, why string) Job {
	out := Job{Name: j.Name, Type: t, Why: why, File: j.Source.File, Line: j.Source.Line, InRepo: d.own[j.Source]}
	if !r.SkipReport {
		out.Context = r.Context
	}
	return out
}

func (d *describer) run(j Job) Job {
	if d.try != nil {
		j.Try = d.try(j.Name)
	}
	return j
}

// Known returns an error where nothing at all is configured for r.
func Known(cfg *config.Config, r prow.Repo) error {
	if cfg.InRepoEnabled(r) || len(cfg.Presubmits(r))+len(cfg.Postsubmits(r)) > 0 {
		return nil
	}
	names := map[string]bool{}
	for name := range cfg.PresubmitsStatic {
		names[name] = true
	}
	for name := range cfg.PostsubmitsStatic {
		names[name] = true
	}
	var known []string
	for name := range names {
		known = append(known, name)
	}
	slices.Sort(known)
	hint := config.DidYouMean(r.String(), known)
	if hint == "" && len(known) > 0 {
		have := "1 repository has jobs"
		if len(known) > 1 {
			have = fmt.Sprintf("%d repositories have jobs", len(known))
		}
		hint = have + ", for example " + known[0]
	}
	return fmt.Errorf("no job is configured for %s, and in_repo_config does not let it bring its own; %s",
		r, cmp.Or(hint, "no repository has any: name the files of jobs with --job-config-path"))
}
