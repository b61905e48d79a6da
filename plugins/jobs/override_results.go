package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/trigger"
)

// overriddenBy begins the text of an overridden status; Tide and /override-cancel
// read it.
const overriddenBy = "Overridden by "

// results are the checks of a head that can be overridden.
type results struct {
	x      *change
	url    string // of the comment that gives the orders
	all    []prow.Check
	failed []prow.Check // statuses that are not green, and required ones without status
	runs   []prow.Check // check runs that failed
}

// results needs x to be loaded.
func (x *change) results(ctx context.Context, c *plugin.Call, url string) (*results, error) {
	checks, err := c.Forge.Checks(ctx, c.At.Repo, x.HeadSHA)
	if err != nil {
		return nil, fmt.Errorf("results of %s: %w", c.At, err)
	}
	return sortResults(x, url, checks, x.required), nil
}

func sortResults(x *change, url string, checks []prow.Check, required []string) *results {
	r := &results{x: x, url: url, all: checks}
	for _, k := range checks {
		switch {
		case k.State == prow.CheckSuccess:
		case !k.IsRun:
			r.failed = append(r.failed, k)
		case k.State != prow.CheckPending:
			r.runs = append(r.runs, k)
		}
	}
	for _, name := range required {
		if !slices.ContainsFunc(checks, func(k prow.Check) bool { return k.Name == name }) {
			r.failed = append(r.failed, prow.Check{Name: name})
		}
	}
	return r
}

// job returns the presubmit behind a context, or nil.
func (r *results) job(name string) *config.Presubmit {
	jobs := r.x.jobs.Presubmits
	for i := range jobs {
		if jobs[i].Context == name && jobs[i].ShouldRun(r.x.Base) {
			return &jobs[i]
		}
	}
	return nil
}

// named reports whether a check is one of names, by context or by job.
func (r *results) named(k prow.Check, names []string) bool {
	if slices.Contains(names, k.Name) {
		return true
	}
	p := r.job(k.Name)
	return p != nil && !k.IsRun && slices.Contains(names, p.Name)
}

// known returns the names that can be given, sorted.
func (r *results) known() []string {
	var out []string
	for _, k := range slices.Concat(r.failed, r.runs) {
		out = append(out, k.Name)
		if p := r.job(k.Name); p != nil && !k.IsRun {
			out = append(out, p.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// done returns what this very comment overrode in an earlier try.
func (r *results) done() []string {
	var out []string
	for _, k := range r.all {
		if k.State == prow.CheckSuccess && k.URL == r.url && strings.HasPrefix(k.Text, overriddenBy) {
			out = append(out, k.Name)
		}
	}
	return out
}

func (r *results) unknown(names []string) []string {
	known := r.known()
	for _, n := range r.done() {
		known = append(known, n)
		if p := r.job(n); p != nil {
			known = append(known, p.Name)
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(known, n) })
}

// override makes the named results green and says so, also of those done before
// something failed.
func (r *results) override(ctx context.Context, c *plugin.Call, e prow.CommentEvent, o orders) error {
	done := r.done()
	var failure error
	for _, k := range r.failed {
		sticky := r.named(k, o.sticky)
		if !sticky && !r.named(k, o.plain) {
			continue
		}
		if failure = r.overrideStatus(ctx, c, e, k, sticky); failure != nil {
			break
		}
		done = append(done, k.Name)
	}
	for _, k := range r.runs {
		if failure != nil || !r.named(k, slices.Concat(o.sticky, o.plain)) {
			continue
		}
		k.State, k.Text, k.URL = prow.CheckSuccess, overriddenBy+e.By, e.URL
		failure = c.Forge.SetCheck(ctx, c.At.Repo, r.x.HeadSHA, k)
		if errors.Is(failure, prow.ErrForbidden) {
			failure = prow.Refuse("`%s` is a check run, and GitHub lets only apps change those: it stays as it is. Run it again where it came from.", k.Name)
		}
		if failure == nil {
			done = append(done, k.Name)
		}
	}
	if len(done) > 0 {
		if err := c.Reply(ctx, fmt.Sprintf("these results are green now, on your word: %s. `/override-cancel` takes that back.", strings.Join(unique(done), ", "))); err != nil {
			return err
		}
	}
	return failure
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *results) overrideStatus(ctx context.Context, c *plugin.Call, e prow.CommentEvent, k prow.Check, sticky bool) error {
	text := overriddenBy + e.By
	if sticky {
		text = prow.StickyText(text)
	}
	if p := r.job(k.Name); p != nil {
		if err := r.fabricate(ctx, c, e, p, text); err != nil {
			return fmt.Errorf("job for the overridden %s: %w", k.Name, err)
		}
	}
	good := prow.Check{Name: k.Name, State: prow.CheckSuccess, Text: prow.WithBase(text, r.x.base), URL: e.URL}
	if err := c.Forge.SetCheck(ctx, c.At.Repo, r.x.HeadSHA, good); err != nil {
		return fmt.Errorf("status %s of %s: %w", k.Name, c.At, err)
	}
	return nil
}

// fabricate makes a job that succeeded without running, for those who look at
// jobs instead of statuses.
func (r *results) fabricate(ctx context.Context, c *plugin.Call, e prow.CommentEvent, p *config.Presubmit, text string) error {
	refs := trigger.PullRefs(r.x.Pull, r.x.base)
	cause := refs
	cause.BaseSHA, cause.BaseLink = "", ""
	j := trigger.PresubmitJob(c.Config, p, refs, trigger.JobID(e.ID+" override", p.Name, &cause), c.Now(), trigger.Extra{
		Labels: map[string]string{prow.LabelEventGUID: e.ID},
		Why:    fmt.Sprintf("%s overrode it by a comment; it did not run", e.By),
	})
	j.Status.URL = e.URL
	if j.Status.State == prow.Scheduling {
		if err := j.Advance(prow.Triggered, c.Now(), text); err != nil {
			return err
		}
	}
	if err := j.Advance(prow.Pending, c.Now(), text); err != nil {
		return err
	}
	if err := j.Advance(prow.Success, c.Now(), text); err != nil {
		return err
	}
	return c.Jobs.Create(ctx, j)
}

// cancel takes overrides back: the statuses, the check runs, and the jobs that
// never ran. No names: all.
func (r *results) cancel(ctx context.Context, c *plugin.Call, e prow.CommentEvent, names []string) error {
	var done []string
	for i, k := range r.all {
		if !strings.Contains(k.Text, overriddenBy) || len(names) > 0 && !r.named(k, names) {
			continue
		}
		if p := r.job(k.Name); p != nil && !k.IsRun {
			if err := r.unfabricate(ctx, c, p); err != nil {
				return err
			}
		}
		k.State, k.Text, k.URL = prow.CheckFailure, "Override cancelled by "+e.By, e.URL
		if err := c.Forge.SetCheck(ctx, c.At.Repo, r.x.HeadSHA, k); err != nil {
			return fmt.Errorf("check %s of %s: %w", k.Name, c.At, err)
		}
		r.all[i] = k
		if k.IsRun {
			r.runs = append(r.runs, k)
		} else {
			r.failed = append(r.failed, k)
		}
		done = append(done, k.Name)
	}
	if len(done) == 0 {
		return c.Reply(ctx, "no such result is overridden, so there was nothing to take back.")
	}
	return c.Reply(ctx, fmt.Sprintf("these results are red again: %s. `/retest` runs their jobs anew.", strings.Join(done, ", ")))
}

// unfabricate deletes the jobs made by overrides of this head.
func (r *results) unfabricate(ctx context.Context, c *plugin.Call, p *config.Presubmit) error {
	jobs, err := c.Jobs.List(ctx, prow.JobFilter{
		Types: []prow.Type{prow.Presubmit}, States: []prow.State{prow.Success}, Job: p.Name,
		Repo: c.At.Repo, Pull: c.At.Number, SHA: r.x.HeadSHA,
	})
	if err != nil {
		return fmt.Errorf("jobs of %s: %w", c.At, err)
	}
	for _, j := range jobs {
		if !strings.HasPrefix(j.Status.Description, overriddenBy) {
			continue
		}
		if err := c.Jobs.Delete(ctx, j.ID()); err != nil {
			return fmt.Errorf("delete job %s: %w", j.ID(), err)
		}
		c.Did("deleted the job that stood for the overridden %s", p.Name)
	}
	return nil
}
