package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
)

func workflowRoutes() []route {
	const run = "/repos/{owner}/{repo}/actions/runs/{run}"
	return []route{
		{"GET /repos/{owner}/{repo}/actions/runs", read, freely(listWorkflows)},
		{"GET " + run, read, freely(getWorkflow)},
		{"POST " + run + "/approve", push, freely(workflowAct(approveWorkflow))},
		{"POST " + run + "/rerun", push, freely(workflowAct(rerunWorkflow))},
		{"POST " + run + "/rerun-failed-jobs", push, freely(workflowAct(rerunFailed))},
	}
}

// workflowRun is a run of the forge's own CI. It has one job, whose check run has
// its name; one that waits for approval has none yet.
type workflowRun struct {
	ID                 int64
	Repo               int64
	SHA, Branch        string
	Name, Event        string
	Status, Conclusion string
	Number, Attempt    int
	Check              int64
	Actor, By          int64 // By is who began this attempt
	HeadRepo           int64
	Created, Updated   time.Time
	Started            time.Time // this attempt
}

func (a *workflowRun) key() (string, int64) { return "workflow", a.ID }

// waits reports whether somebody has to approve w before it runs.
func (w *workflowRun) waits() bool {
	return w.Status == "completed" && w.Conclusion == "action_required"
}

// maxRerunAge is how long GitHub lets a run be repeated.
const maxRerunAge = 30 * 24 * time.Hour

// rerunFailed runs once more what failed. GitHub's words where it will not.
func rerunFailed(t *tx, w *workflowRun) error {
	if w.Status == "completed" && w.Conclusion == "success" {
		return refuse(http.StatusForbidden, "This workflow run has no failed jobs")
	}
	return rerunWorkflow(t, w)
}

func rerunWorkflow(t *tx, w *workflowRun) error {
	switch {
	case w.waits():
		return refuse(http.StatusForbidden, "This workflow run is waiting for approval")
	case w.Status != "completed":
		return refuse(http.StatusForbidden, "This workflow is already running")
	case t.o.Now().Sub(w.Created) > maxRerunAge:
		return refuse(http.StatusForbidden, "Unable to retry this workflow run because it was created over a month ago")
	}
	w.Attempt++
	return nil
}

func approveWorkflow(_ *tx, w *workflowRun) error {
	if !w.waits() {
		return refuse(http.StatusForbidden, "This workflow run has already been approved or does not wait for approval")
	}
	return nil
}

// workflowAct makes a route of what lets a run begin anew.
func workflowAct(may func(t *tx, w *workflowRun) error) func(*call) (any, error) {
	return func(c *call) (any, error) {
		one, err := c.workflowCommit(c.number("run"))
		if err != nil {
			return nil, err
		}
		err = c.write(c.r.Context(), func(t *tx) error {
			w := t.st.workflows[c.number("run")]
			if err := may(t, w); err != nil {
				return err
			}
			w.By, w.Started = c.user.ID, t.o.Now()
			t.turn(c.repo, c.user, w, one, "queued", "")
			return nil
		})
		return answer{code: http.StatusCreated, body: obj{}}, err
	}
}

// turn changes how a run stands, with its check run, and tells of it.
func (t *tx) turn(r *repo, actor *account, w *workflowRun, one *commit, status, conclusion string) {
	w.Status, w.Conclusion, w.Updated = status, conclusion, t.o.Now()
	if !w.waits() {
		t.turnCheck(r, actor, w)
	}
	action := map[string]string{"queued": "requested", "completed": "completed"}[status]
	if action == "" {
		action = "in_progress"
	}
	t.save(w)
	t.emit(r, actor, "workflow_run", action, func() obj {
		return obj{"workflow_run": t.showWorkflow(r, w, one), "workflow": t.showWorkflowFile(r, w)}
	})
}

// turnCheck lets the check run say what its workflow does; an attempt has its own.
func (t *tx) turnCheck(r *repo, actor *account, w *workflowRun) {
	k, action := t.st.checkIDs[w.Check], "completed"
	if k == nil || k.Status == "completed" {
		k = &checkRun{ID: t.id(), Repo: r.ID, SHA: w.SHA, Name: w.Name, Creator: actor.ID, Started: t.o.Now()}
		k.DetailsURL = fmt.Sprintf("%s/%s/actions/runs/%d", t.o.URL, t.repoPath(r), w.ID)
		w.Check = k.ID
		t.create(k)
		action = "created"
	}
	k.Status, k.Conclusion = w.Status, w.Conclusion
	if k.Status == "completed" {
		k.Completed, action = t.o.Now(), "completed"
	}
	t.save(k)
	t.onCheck(r, k, actor, action)
}

// workflowCommit returns the commit that a run of this repository is for.
func (c *call) workflowCommit(id int64) (*commit, error) {
	sha := ""
	_ = c.read(func() error {
		if w := c.st.workflows[id]; w != nil && w.Repo == c.repo.ID {
			sha = w.SHA
		}
		return nil
	})
	if sha == "" {
		return nil, notFound()
	}
	return c.knownCommit(c.r.Context(), c.repo.ID, sha)
}

func getWorkflow(c *call) (any, error) {
	one, err := c.workflowCommit(c.number("run"))
	if err != nil {
		return nil, err
	}
	var out any
	err = c.read(func() error { out = c.showWorkflow(c.repo, c.st.workflows[c.number("run")], one); return nil })
	return out, err
}

func listWorkflows(c *call) (any, error) {
	var page []*workflowRun
	var total int
	_ = c.read(func() error { page, total = cut(c, c.workflows()); return nil })
	shown := []any{}
	for _, w := range page {
		one, err := c.knownCommit(c.r.Context(), c.repo.ID, w.SHA)
		if err != nil {
			return nil, err
		}
		_ = c.read(func() error { shown = append(shown, c.showWorkflow(c.repo, w, one)); return nil })
	}
	return obj{"total_count": total, "workflow_runs": shown}, nil
}

// workflows are the runs that the query asks for, newest first.
func (c *call) workflows() []*workflowRun {
	var out []*workflowRun
	for _, w := range c.st.workflows {
		fits := func(name string, values ...string) bool {
			q := c.query(name)
			return q == "" || slices.Contains(values, q)
		}
		if w.Repo == c.repo.ID && fits("head_sha", w.SHA) && fits("event", w.Event) && fits("branch", w.Branch) &&
			fits("status", w.Status, w.Conclusion) && fits("actor", c.account(w.Actor).Login) {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b *workflowRun) int { return int(b.ID - a.ID) })
	return out
}

// RunWorkflow makes a run of the forge's own CI for a commit: one that waits for
// approval with the conclusion action_required, one that runs without one.
func (f *Forge) RunWorkflow(ctx context.Context, at prow.Repo, by, sha string, run prow.WorkflowRun) (id int64, err error) {
	r, a, err := f.scene(at, by)
	if err != nil {
		return 0, err
	}
	if run.Conclusion != "" && !slices.Contains(conclusions, run.Conclusion) {
		return 0, fmt.Errorf("sandbox: conclusion %q: want one of %v", run.Conclusion, conclusions)
	}
	if run.Name == "" {
		return 0, errors.New("sandbox: a workflow without a name")
	}
	one, err := f.knownCommit(ctx, r.ID, sha)
	if err != nil {
		return 0, plain(err)
	}
	return id, f.write(ctx, func(t *tx) error {
		w := &workflowRun{ID: t.id(), Repo: r.ID, SHA: sha, Name: run.Name, Event: run.Event, Number: 1, Attempt: 1, Actor: a.ID, By: a.ID, HeadRepo: r.ID}
		w.Created, w.Started, id = t.o.Now(), t.o.Now(), w.ID
		for _, i := range t.st.byRepo[r.ID] {
			if i.Pull != nil && i.Pull.HeadSHA == sha {
				w.Branch, w.HeadRepo = i.Pull.HeadRef, i.Pull.HeadRepo
			}
		}
		for _, old := range t.st.workflows {
			if old.Repo == r.ID && old.Name == w.Name {
				w.Number = max(w.Number, old.Number+1)
			}
		}
		t.create(w)
		status := "in_progress"
		if run.Conclusion != "" {
			status = "completed"
		}
		t.turn(r, a, w, one, status, run.Conclusion)
		return nil
	})
}

func (f *Forge) showWorkflow(r *repo, w *workflowRun, one *commit) obj {
	api, html := f.repoAPI(r), f.o.URL+"/"+f.repoPath(r)
	u := fmt.Sprintf("%s/actions/runs/%d", api, w.ID)
	pulls := []any{}
	for _, i := range f.st.byRepo[r.ID] {
		if i.Pull != nil && i.State == "open" && i.Pull.HeadSHA == w.SHA && i.Pull.HeadRepo == r.ID { // GitHub names none of forks
			pulls = append(pulls, f.showMiniPull(i))
		}
	}
	head := f.st.repos[w.HeadRepo]
	if head == nil {
		head = r
	}
	o := obj{
		"id": w.ID, "node_id": nodeID("WFR", w.ID), "name": w.Name, "head_branch": orNull(w.Branch), "head_sha": w.SHA, "path": workflowPath(w),
		"display_title": firstLine(one.message), "run_number": w.Number, "run_attempt": w.Attempt, "event": w.Event, "status": w.Status,
		"conclusion": orNull(w.Conclusion), "workflow_id": workflowID(w), "check_suite_id": w.ID, "check_suite_node_id": nodeID("CS", w.ID),
		"url": u, "html_url": fmt.Sprintf("%s/actions/runs/%d", html, w.ID), "pull_requests": pulls, "created_at": stamp(w.Created), "updated_at": stamp(w.Updated),
		"actor": f.showUserID(w.Actor), "triggering_actor": f.showUserID(w.By), "run_started_at": stamp(w.Started), "jobs_url": u + "/jobs", "logs_url": u + "/logs",
		"check_suite_url": fmt.Sprintf("%s/check-suites/%d", api, w.ID), "artifacts_url": u + "/artifacts", "cancel_url": u + "/cancel", "rerun_url": u + "/rerun",
		"previous_attempt_url": nil, "workflow_url": fmt.Sprintf("%s/actions/workflows/%d", api, workflowID(w)), "referenced_workflows": []any{},
		"head_commit": obj{
			"id": one.sha, "tree_id": one.tree, "message": one.message, "timestamp": stamp(one.author.when),
			"author":    obj{"name": one.author.name, "email": one.author.email},
			"committer": obj{"name": one.committer.name, "email": one.committer.email},
		},
		"repository": f.showRepo(r), "head_repository": f.showRepo(head),
	}
	if w.Attempt > 1 {
		o["previous_attempt_url"] = fmt.Sprintf("%s/attempts/%d", u, w.Attempt-1)
	}
	return o
}

func workflowPath(w *workflowRun) string { return ".github/workflows/" + w.Name + ".yml" }

// workflowID names the file; runs of one name are of one file.
func workflowID(w *workflowRun) int64 {
	id := w.Repo
	for _, b := range []byte(w.Name) {
		id = (id*31 + int64(b)) % (1 << 40)
	}
	return id
}

func (f *Forge) showWorkflowFile(r *repo, w *workflowRun) obj {
	html := f.o.URL + "/" + f.repoPath(r)
	return obj{
		"id": workflowID(w), "node_id": nodeID("W", workflowID(w)), "name": w.Name, "path": workflowPath(w), "state": "active",
		"created_at": stamp(w.Created), "updated_at": stamp(w.Created), "url": fmt.Sprintf("%s/actions/workflows/%d", f.repoAPI(r), workflowID(w)),
		"html_url": html + "/blob/" + r.DefaultBranch + "/" + workflowPath(w), "badge_url": html + "/workflows/" + w.Name + "/badge.svg",
	}
}
