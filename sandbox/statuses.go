package sandbox

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"time"
)

func statusRoutes() []route {
	return []route{
		{"POST /repos/{owner}/{repo}/statuses/{sha}", push, freely(postStatus)},
		{"GET /repos/{owner}/{repo}/commits/{ref}/status", read, freely(getCombined)},
		{"GET /repos/{owner}/{repo}/commits/{ref}/statuses", read, freely(listStatuses)},
		{"GET /repos/{owner}/{repo}/commits/{ref}/check-runs", read, freely(listChecks)},
		{"GET /repos/{owner}/{repo}/commits/{ref}/check-suites", read, freely(listSuites)},
		{"POST /repos/{owner}/{repo}/check-runs", push, freely(postCheck)},
		{"GET /repos/{owner}/{repo}/check-runs/{check}", read, reading(getCheck)},
		{"PATCH /repos/{owner}/{repo}/check-runs/{check}", push, writing(patchCheck)},
	}
}

var shaForm = regexp.MustCompile(`^[0-9a-f]{40}$`)

// needCommit finds a commit that must be named whole.
func (c *call) needCommit(sha string) error {
	if !shaForm.MatchString(sha) {
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: %s", sha)
	}
	if c.git.known(c.repo.ID, sha) {
		return nil
	}
	if _, err := c.git.run(c.r.Context(), c.repo.ID, "cat-file", "-e", sha+"^{commit}"); err != nil {
		if exitCode(err) != 0 {
			return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: %s", sha)
		}
		return err
	}
	c.git.learn(c.repo.ID, sha)
	return nil
}

func postStatus(c *call) (any, error) {
	var in struct {
		State, Context, Description string
		TargetURL                   string `json:"target_url"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains([]string{"error", "failure", "pending", "success"}, in.State):
		return nil, invalid("Status", "state", "custom", "state is not included in the list")
	case len([]rune(in.Description)) > 140:
		return nil, invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)")
	case len(in.Context) > 255:
		return nil, invalid("Status", "context", "custom", "context is too long (maximum is 255 characters)")
	}
	if in.Context == "" {
		in.Context = "default"
	}
	sha := c.path("sha")
	if err := c.needCommit(sha); err != nil {
		return nil, err
	}
	one, err := c.knownCommit(c.r.Context(), c.repo.ID, sha)
	if err != nil {
		return nil, err
	}
	var out any
	err = c.write(c.r.Context(), func(t *tx) error {
		if len(t.st.statuses[commitID{c.repo.ID, sha}]) >= 10_000 {
			return invalid("Status", "", "custom", "This SHA and context has reached the maximum number of statuses.")
		}
		s := t.setStatus(c.repo, c.user, status{SHA: sha, State: in.State, Context: in.Context, Text: in.Description, TargetURL: in.TargetURL}, one)
		out = t.showStatus(c.repo, s)
		return nil
	})
	return answer{code: http.StatusCreated, body: out}, err
}

// knownCommit is commitOf that remembers.
func (f *Forge) knownCommit(ctx context.Context, repo int64, sha string) (*commit, error) {
	if c, ok := f.git.commits.get(sha); ok {
		return c, nil
	}
	c, err := f.commitOf(ctx, repo, sha)
	if err == nil {
		f.git.commits.put(sha, c)
	}
	return c, err
}

// setStatus files a status of the commit one.
func (t *tx) setStatus(r *repo, actor *account, s status, one *commit) *status {
	s.ID, s.Repo, s.Creator, s.Created = t.id(), r.ID, actor.ID, t.o.Now()
	t.create(&s)
	t.emit(r, actor, "status", "", func() obj {
		branches := []any{}
		for _, name := range named(r.Refs, heads) {
			if r.Refs[heads+name] == s.SHA {
				branches = append(branches, obj{"name": name, "commit": obj{"sha": s.SHA, "url": t.repoAPI(r) + "/commits/" + s.SHA}, "protected": r.Protection[name] != nil})
			}
		}
		return obj{
			"id": s.ID, "sha": s.SHA, "name": t.repoPath(r), "target_url": orNull(s.TargetURL), "avatar_url": nil, "context": s.Context,
			"description": orNull(s.Text), "state": s.State, "commit": t.showCommit(r, one), "branches": branches,
			"created_at": stamp(s.Created), "updated_at": stamp(s.Created),
		}
	})
	return &s
}

// latest is the newest status of each context, oldest context first.
func (f *Forge) latest(repo int64, sha string) []*status {
	var out []*status
	at := map[string]int{}
	for _, s := range f.st.statuses[commitID{repo, sha}] {
		if i, ok := at[s.Context]; ok {
			out[i] = s
			continue
		}
		at[s.Context] = len(out)
		out = append(out, s)
	}
	return out
}

// combined is the worst of all: failure, pending or success; pending if none.
func combined(list []*status) string {
	out := "success"
	if len(list) == 0 {
		return "pending"
	}
	for _, s := range list {
		switch {
		case s.State == "failure" || s.State == "error":
			return "failure"
		case s.State == "pending":
			out = "pending"
		}
	}
	return out
}

func getCombined(c *call) (any, error) {
	sha, err := c.resolve(c.r.Context(), c.repo.ID, c.path("ref"))
	if err != nil {
		return nil, err
	}
	var out any
	err = c.read(func() error {
		list := c.latest(c.repo.ID, sha)
		page, total := cut(c, list)
		shown := []any{}
		for _, s := range page {
			o := c.showStatus(c.repo, s)
			delete(o, "creator")
			o["required"] = nil
			shown = append(shown, o)
		}
		u := c.repoAPI(c.repo) + "/commits/" + sha
		out = obj{"state": combined(list), "statuses": shown, "sha": sha, "total_count": total, "repository": c.showRepo(c.repo), "commit_url": u, "url": u + "/status"}
		return nil
	})
	return out, err
}

func listStatuses(c *call) (any, error) {
	sha, err := c.resolve(c.r.Context(), c.repo.ID, c.path("ref"))
	if err != nil {
		return nil, err
	}
	var out any
	err = c.read(func() (err error) {
		list := slices.Clone(c.st.statuses[commitID{c.repo.ID, sha}])
		slices.Reverse(list)
		out, err = paged(c, list, func(s *status) any { return c.showStatus(c.repo, s) })
		return err
	})
	return out, err
}

type checkInput struct {
	Name, Status, Conclusion *string
	SHA                      string     `json:"head_sha"`
	DetailsURL               *string    `json:"details_url"`
	ExternalID               *string    `json:"external_id"`
	Started                  *time.Time `json:"started_at"`
	Completed                *time.Time `json:"completed_at"`
	Output                   *struct{ Title, Summary, Text string }
}

var conclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"}

func (in *checkInput) apply(k *checkRun, now time.Time) error {
	if in.Conclusion != nil && !slices.Contains(conclusions, *in.Conclusion) {
		return invalid("CheckRun", "conclusion", "invalid")
	}
	if in.Status != nil && !slices.Contains([]string{"queued", "in_progress", "completed"}, *in.Status) {
		return invalid("CheckRun", "status", "invalid")
	}
	for to, from := range map[*string]*string{&k.Name: in.Name, &k.Status: in.Status, &k.Conclusion: in.Conclusion, &k.DetailsURL: in.DetailsURL, &k.ExternalID: in.ExternalID} {
		if from != nil {
			*to = *from
		}
	}
	if k.Conclusion != "" {
		k.Status = "completed"
	}
	if in.Started != nil {
		k.Started = *in.Started
	}
	if in.Completed != nil {
		k.Completed = *in.Completed
	} else if k.Status == "completed" && k.Completed.IsZero() {
		k.Completed = now
	}
	if in.Output != nil {
		k.Title, k.Summary, k.Text = in.Output.Title, in.Output.Summary, in.Output.Text
	}
	return nil
}

func (t *tx) onCheck(r *repo, k *checkRun, actor *account, action string) {
	t.emit(r, actor, "check_run", action, func() obj {
		shown := t.showCheck(r, k)
		shown["check_suite"] = t.showSuite(r, k)
		return obj{"check_run": shown}
	})
}

func postCheck(c *call) (any, error) {
	var in checkInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Name == nil || *in.Name == "" {
		return nil, invalid("CheckRun", "name", "missing_field")
	}
	if err := c.needCommit(in.SHA); err != nil {
		return nil, err
	}
	var out any
	err := c.write(c.r.Context(), func(t *tx) error {
		k := &checkRun{ID: t.id(), Repo: c.repo.ID, SHA: in.SHA, Status: "queued", Creator: c.user.ID, Started: t.o.Now()}
		if err := in.apply(k, t.o.Now()); err != nil {
			return err
		}
		t.create(k)
		t.onCheck(c.repo, k, c.user, map[bool]string{true: "completed", false: "created"}[k.Status == "completed"])
		out = t.showCheck(c.repo, k)
		return nil
	})
	return answer{code: http.StatusCreated, body: out}, err
}

func (c *call) check() (*checkRun, error) {
	if k := c.st.checkIDs[c.number("check")]; k != nil && k.Repo == c.repo.ID {
		return k, nil
	}
	return nil, notFound()
}

func getCheck(c *call) (any, error) {
	k, err := c.check()
	if err != nil {
		return nil, err
	}
	return c.showCheck(c.repo, k), nil
}

func patchCheck(c *call, t *tx) (any, error) {
	k, err := c.check()
	if err != nil {
		return nil, err
	}
	var in checkInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.apply(k, t.o.Now()); err != nil {
		return nil, err
	}
	t.save(k)
	if k.Status == "completed" {
		t.onCheck(c.repo, k, c.user, "completed")
	}
	return c.showCheck(c.repo, k), nil
}

// latestRuns is the newest check run of each name.
func (f *Forge) latestRuns(repo int64, sha string) []*checkRun {
	var out []*checkRun
	at := map[string]int{}
	for _, k := range f.st.checks[commitID{repo, sha}] {
		if i, ok := at[k.Name]; ok {
			out[i] = k
			continue
		}
		at[k.Name] = len(out)
		out = append(out, k)
	}
	return out
}

func listChecks(c *call) (any, error) {
	sha, err := c.resolve(c.r.Context(), c.repo.ID, c.path("ref"))
	if err != nil {
		return nil, err
	}
	var out any
	err = c.read(func() error {
		list := c.latestRuns(c.repo.ID, sha)
		if c.query("filter") == "all" {
			list = c.st.checks[commitID{c.repo.ID, sha}]
		}
		if n := c.query("check_name"); n != "" {
			list = slices.DeleteFunc(slices.Clone(list), func(k *checkRun) bool { return k.Name != n })
		}
		page, total := cut(c, list)
		shown := []any{}
		for _, k := range page {
			shown = append(shown, c.showCheck(c.repo, k))
		}
		out = obj{"total_count": total, "check_runs": shown}
		return nil
	})
	return out, err
}

func listSuites(c *call) (any, error) {
	if _, err := c.resolve(c.r.Context(), c.repo.ID, c.path("ref")); err != nil {
		return nil, err
	}
	return obj{"total_count": 0, "check_suites": []any{}}, nil
}
