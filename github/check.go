package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	prow "github.com/prow-ci/prow"
)

// Checks lists the statuses and check runs of a commit.
func (f *Forge) Checks(ctx context.Context, r prow.Repo, sha string) ([]prow.Check, error) {
	statuses, err := f.statuses(ctx, r, sha)
	if err != nil {
		return nil, err
	}
	runs, err := f.runs(ctx, r, sha, "")
	return append(statuses, runs...), err
}

// statuses lists the newest status of each context.
func (f *Forge) statuses(ctx context.Context, r prow.Repo, sha string) ([]prow.Check, error) {
	type page struct {
		Statuses []wireStatus `json:"statuses"`
	}
	out := []prow.Check{}
	err := pages(ctx, f, at(r, "commits", sha, "status"), func(p page) {
		for i := range p.Statuses {
			out = append(out, p.Statuses[i].check())
		}
	})
	return out, err
}

// runs lists the check runs, the best of each name; name may be empty.
func (f *Forge) runs(ctx context.Context, r prow.Repo, sha, name string) ([]prow.Check, error) {
	type page struct {
		Runs []wireCheckRun `json:"check_runs"`
	}
	path := at(r, "commits", sha, "check-runs") + "?filter=latest"
	if name != "" {
		path += "&check_name=" + url.QueryEscape(name)
	}
	var out []prow.Check
	err := pages(ctx, f, path, func(p page) {
		for i := range p.Runs {
			out = append(out, p.Runs[i].check())
		}
	})
	return best(out), err
}

// best folds check runs of one name into the best of them; those without a name
// are dropped.
func best(runs []prow.Check) []prow.Check {
	rank := func(s prow.CheckState) int {
		return slices.Index([]prow.CheckState{prow.CheckSuccess, prow.CheckPending, prow.CheckFailure}, s)
	}
	var out []prow.Check
	at := map[string]int{}
	for _, c := range runs {
		i, known := at[c.Name]
		switch {
		case c.Name == "":
		case !known:
			at[c.Name] = len(out)
			out = append(out, c)
		case rank(c.State) < rank(out[i].State):
			out[i] = c
		}
	}
	return out
}

// SetCheck makes a commit say c. GitHub keeps every status that is sent, at most
// 1,000 a context, and tells the world of each; so one that says the same is not
// sent again.
func (f *Forge) SetCheck(ctx context.Context, r prow.Repo, sha string, c prow.Check) error {
	if c.IsRun {
		return f.setRun(ctx, r, sha, c)
	}
	same := func() (bool, error) {
		now, err := f.statuses(ctx, r, sha)
		return slices.Contains(now, c), err
	}
	key := fmt.Sprint(r, sha, c.Name)
	// What we sent last differs: no need to look.
	if last, known := f.checks.get(key); !known || last == c {
		if is, err := same(); err != nil || is {
			return err
		}
	}
	body := map[string]string{"state": string(c.State), "context": c.Name, "description": c.Text, "target_url": c.URL}
	err := f.surely(ctx, same, func(ctx context.Context) error {
		_, err := f.do(ctx, http.MethodPost, at(r, "statuses", sha), body, nil)
		return err
	})
	if err == nil {
		f.checks.put(key, c)
	}
	return err
}

func (f *Forge) setRun(ctx context.Context, r prow.Repo, sha string, c prow.Check) error {
	same := func() (bool, error) {
		now, err := f.runs(ctx, r, sha, c.Name)
		return slices.ContainsFunc(now, func(n prow.Check) bool { return n.Name == c.Name && n.State == c.State }), err
	}
	if is, err := same(); err != nil || is {
		return err
	}
	body := map[string]any{"name": c.Name, "head_sha": sha}
	if c.URL != "" {
		body["details_url"] = c.URL
	}
	if c.Text != "" {
		body["output"] = map[string]string{"title": c.Text, "summary": c.Text}
	}
	switch c.State {
	case prow.CheckPending:
		body["status"] = "in_progress"
	case prow.CheckSuccess:
		body["status"], body["conclusion"] = "completed", "success"
	default:
		body["status"], body["conclusion"] = "completed", "failure"
	}
	return f.surely(ctx, same, func(ctx context.Context) error {
		_, err := f.do(ctx, http.MethodPost, at(r, "check-runs"), body, nil)
		return err
	})
}

// recent remembers a bounded number of checks that were sent.
type recent struct {
	mu   sync.Mutex
	max  int
	of   map[string]prow.Check
	keys []string // in the order they came
}

func newRecent(max int) *recent { return &recent{max: max, of: map[string]prow.Check{}} }

func (r *recent) get(key string) (prow.Check, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.of[key]
	return c, ok
}

func (r *recent) put(key string, c prow.Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.of[key]; !ok {
		r.keys = append(r.keys, key)
		if len(r.keys) > r.max {
			delete(r.of, r.keys[0])
			r.keys = r.keys[1:]
		}
	}
	r.of[key] = c
}
