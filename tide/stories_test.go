package tide_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

// pulls opens pull requests of one file each, whose tests pass on main as it is.
func (w *town) pulls(files ...string) []prow.IssueID {
	w.T.Helper()
	var out []prow.IssueID
	for i, f := range files {
		out = append(out, w.Pull(w.repo, fmt.Sprintf("author%d", i), "change-"+f, map[string]string{f: "changed\n"}))
	}
	for _, id := range out {
		w.test(id)
		w.tested(id)
	}
	return out
}

func has(j *prow.Job, id prow.IssueID) bool {
	return slices.ContainsFunc(j.Spec.Refs.Pulls, func(p prow.PullRef) bool { return p.Number == id.Number })
}

func fails(id prow.IssueID) func(*prow.Job) prow.State {
	return func(j *prow.Job) prow.State {
		if has(j, id) {
			return prow.Failure
		}
		return prow.Success
	}
}

func never(*prow.Job) prow.State { return "" }

// Three pull requests on a newer main are tested together; one of them breaks
// it. The others merge, and nothing was tested twice on the way.
func TestABadOneInABatch(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	ids := w.pulls("a", "b", "c")
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	w.be(fails(ids[1]))
	for _, id := range ids {
		w.label(id, "lgtm")
	}
	w.merges(ids[0], ids[2])
	w.says(ids[1], "Not mergeable. Job unit has not succeeded.")
	if w.PullNow(ids[1]).Merged {
		t.Error("the bad one merged")
	}
	jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{Types: []prow.Type{prow.Batch}})
	must(t, err)
	seen := map[string]bool{}
	for _, j := range jobs {
		if name := j.Spec.Context + j.Spec.Refs.String(); seen[name] {
			t.Errorf("%s is tested twice", name)
		} else {
			seen[name] = true
		}
		if j.Labels[prow.LabelByTide] != "true" || j.Annotations[prow.AnnotationWhy] == "" {
			t.Errorf("job %s does not say who wanted it and why: %v %v", j.Name, j.Labels, j.Annotations)
		}
	}
}

// A batch is tested together and merges together, on one result.
func TestABatchMerges(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	ids := w.pulls("a", "b", "c")
	w.be(never)
	w.stop() // it shall come upon all three at once
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	for _, id := range ids {
		w.label(id, "lgtm")
	}
	w.start()
	three := func(j *prow.Job) bool { return j.Spec.Type == prow.Batch && len(j.Spec.Refs.Pulls) == 3 }
	w.Eventually("the three are tested together", func() bool {
		jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{})
		must(t, err)
		return slices.ContainsFunc(jobs, three)
	})
	w.be(func(j *prow.Job) prow.State {
		if three(j) {
			return prow.Success
		}
		return ""
	})
	w.merges(ids...)
	w.Eventually("history tells of one merge of three", func() bool {
		return slices.ContainsFunc(w.history(), func(r prow.Record) bool { return r.Action == prow.MergeBatch && len(r.Target) == 3 && r.Err == "" })
	})
}

// A member's own check flakes while the batch passes: the batch merges.
func TestAGreenBatchIsNotThrownAway(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	ids := w.pulls("a", "b")
	must(t, w.Hub.Protect(t.Context(), w.repo, "main", "unit"))
	w.be(never)
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	for _, id := range ids {
		w.label(id, "lgtm")
	}
	w.Eventually("they are tested together, and the first alone", func() bool {
		jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{States: []prow.State{prow.Triggered}})
		must(t, err)
		return len(jobs) == 2
	})
	w.be(func(j *prow.Job) prow.State { // alone it flakes
		return map[prow.Type]prow.State{prow.Presubmit: prow.Failure}[j.Spec.Type]
	})
	w.says(ids[0], "Not mergeable. Job unit has not succeeded.")
	w.be(func(*prow.Job) prow.State { return prow.Success })
	w.merges(ids...)
}

// A pull request that passed does not wait for the rest of a batch of which one
// test has failed.
func TestAFailingBatchKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	w := openWith(t, lgtmQuery, unitJob+strings.ReplaceAll(strings.TrimPrefix(unitJob, "\npresubmits:\n  o/r:\n"), "unit", "e2e"))
	ids := w.pulls("a", "b")
	w.Eventually("both jobs of both have ended", func() bool {
		no := false
		jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{Complete: &no})
		must(t, err)
		return len(jobs) == 0
	})
	w.be(never)
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	for _, id := range ids {
		w.label(id, "lgtm")
	}
	w.Eventually("they are tested together, and the first alone", func() bool {
		jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{States: []prow.State{prow.Triggered}})
		must(t, err)
		return len(jobs) == 4
	})
	w.be(func(j *prow.Job) prow.State {
		switch {
		case j.Spec.Type == prow.Presubmit:
			return prow.Success
		case j.Spec.Context == "e2e":
			return prow.Failure
		}
		return "" // the batch's unit runs on
	})
	w.merges(ids[0])
}

// The base moves while a test runs: what merges was tested on the new one.
func TestTheBaseMoves(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	id := w.pulls("a")[0]
	w.be(never)
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	w.label(id, "lgtm")
	w.says(id, "Not mergeable. Retesting: unit")
	sha := w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newest\n"})
	w.Eventually("it is tested on the newest base", func() bool {
		jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{BaseSHA: sha})
		must(t, err)
		return len(jobs) == 1
	})
	w.be(func(*prow.Job) prow.State { return prow.Success })
	w.merges(id)
	w.Eventually("history tells of a merge on the newest base", func() bool {
		h := w.history()
		return h[0].Action == prow.Merge && h[0].BaseSHA == sha
	})
}

// The head moves at the last moment: the merge is pinned to what was tested.
func TestTheHeadMovesBeforeTheMerge(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	id := w.pulls("a")[0]
	var once sync.Once
	w.merge = func(prow.IssueID) error {
		once.Do(func() {
			w.Commit(prow.Repo{Owner: "author0", Name: "r"}, "change-a", "author0", map[string]string{"a": "evil\n"})
		})
		return nil
	}
	w.label(id, "lgtm")
	w.says(id, "Not mergeable. Job unit has not succeeded.")
	if w.PullNow(id).Merged {
		t.Fatal("merged what was not tested")
	}
	w.test(id)
	w.merges(id)
}

// Two change the same line: the second is told so when the first merged.
func TestAConflict(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	one := w.Pull(w.repo, "alice", "one", map[string]string{"a": "one\n"})
	two := w.Pull(w.repo, "bob", "two", map[string]string{"a": "two\n"})
	for _, id := range []prow.IssueID{one, two} {
		w.test(id)
		w.tested(id)
	}
	w.label(two, "do-not-merge/hold")
	w.label(two, "lgtm")
	w.label(one, "lgtm")
	w.merges(one)
	must(t, w.Forge().RemoveLabel(t.Context(), two, "do-not-merge/hold"))
	w.says(two, "Not mergeable. PR has a merge conflict.")
}

// A blocking issue stops its branch, and says so; closed, it lets go.
func TestABlocker(t *testing.T) {
	t.Parallel()
	w := open(t, strings.Replace(lgtmQuery, "tide:", "tide:\n  blocker_label: tide/merge-blocker", 1))
	id := w.pulls("a")[0]
	other := w.Issue(w.repo, "alice", "Freeze branch:release-1", "")
	w.label(other, "tide/merge-blocker")
	issue := w.Issue(w.repo, "alice", "Freeze branch:main", "")
	w.label(issue, "tide/merge-blocker")
	blocked := fmt.Sprintf("Not mergeable. Merging is blocked by issue %d.", issue.Number)
	w.says(id, blocked)
	w.label(id, "lgtm")
	w.Eventually("the pool is blocked", func() bool { return w.pool().Move.Do == prow.Blocked && len(w.pool().Pulls) == 1 })
	closed := "closed"
	must(t, w.Forge().Edit(t.Context(), issue, prow.Edit{State: &closed}))
	w.merges(id)
}

func (w *town) pool() prow.Pool {
	w.T.Helper()
	var p prow.Pool
	if text, err := w.db.Memory.Load(w.T.Context(), prow.PoolName(w.repo, "main")); err == nil {
		must(w.T, json.Unmarshal(text, &p))
	}
	return p
}

// The forge requires a check that Prow does not know: it is waited for, not run
// into.
func TestWhatTheForgeRequires(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	must(t, w.Hub.Protect(t.Context(), w.repo, "main", "unit", "tide", "security"))
	w.merge = func(id prow.IssueID) error {
		checks, err := w.Forge().Checks(t.Context(), w.repo, w.PullNow(id).HeadSHA)
		if err != nil || !slices.ContainsFunc(checks, func(c prow.Check) bool { return c.Name == "security" }) {
			t.Error("a merge was tried that the forge refuses")
		}
		return nil
	}
	id := w.pulls("a")[0]
	w.label(id, "lgtm")
	w.says(id, "Not mergeable. Job security has not succeeded.")
	must(t, w.Forge().SetCheck(t.Context(), w.repo, w.PullNow(id).HeadSHA, prow.Check{Name: "security", State: prow.CheckSuccess}))
	w.merges(id)
}

// A refused merge is not tried for ever: the forge's words are shown, and it is
// tried again when something changes.
func TestARefusedMerge(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	id := w.pulls("a")[0]
	tries := 0
	w.merge = func(prow.IssueID) error {
		if tries++; tries == 1 {
			return fmt.Errorf("%w: At least 1 approving review is required.", prow.ErrNotMergeable)
		}
		return nil
	}
	w.label(id, "lgtm")
	w.Eventually("it says what the forge says", func() bool {
		v := w.verdict(id)
		return v.State == prow.CheckError && strings.HasSuffix(v.Text, "At least 1 approving review is required.")
	})
	if h := w.history(); len(h) != 1 || !strings.HasPrefix(h[0].Err, fmt.Sprintf("failed merging [%d]: #%d: ", id.Number, id.Number)) {
		t.Errorf("history: %+v", h)
	}
	w.Review(id, "carol", "APPROVE", "fine")
	w.label(id, "urgent")
	w.merges(id)
}

// Killed after a merge was decided and before it was done, and started again: all
// is found again.
func TestARestart(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	ids := w.pulls("a", "b")
	w.be(never)
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	for _, id := range ids {
		w.label(id, "lgtm")
	}
	count := func() int {
		jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{Types: []prow.Type{prow.Batch}})
		must(t, err)
		return len(jobs)
	}
	w.Eventually("a batch is started", func() bool { return count() > 0 })
	w.stop()
	before := count()
	w.start()
	w.Eventually("the pool is known again", func() bool { return len(w.pool().Pulls) == 2 })
	w.be(func(*prow.Job) prow.State { return prow.Success })
	w.merges(ids...)
	if n := count(); n != before {
		t.Errorf("%d batch jobs before the restart, %d after", before, n)
	}
}

// A hold that comes in the very moment of the merge counts.
func TestALastLook(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	id := w.pulls("a")[0]
	w.merge = func(prow.IssueID) error { return errors.New("must not be called") }
	w.label(id, "do-not-merge/hold")
	w.label(id, "lgtm")
	w.says(id, "Not mergeable. Should not have do-not-merge/hold label.")
	w.merge = nil
	must(t, w.Forge().RemoveLabel(t.Context(), id, "do-not-merge/hold"))
	w.merges(id)
}

// What the original serves is served in its shape.
func TestWire(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery)
	id := w.pulls("a")[0]
	w.be(never)
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	w.label(id, "lgtm")
	var pools []map[string]any
	w.Eventually("the pool is served", func() bool {
		rw := httptest.NewRecorder()
		w.worker.Pools().ServeHTTP(rw, httptest.NewRequest("GET", "/", nil))
		must(t, json.Unmarshal(rw.Body.Bytes(), &pools))
		return len(pools) == 1 && len(pools[0]["PendingPRs"].([]any)) == 1
	})
	pr := pools[0]["PendingPRs"].([]any)[0].(map[string]any)
	for key, want := range map[string]any{"Number": float64(id.Number), "Org": "o", "Repo": "r", "BaseRefName": "main", "AuthorLogin": "author0", "NameWithOwner": "o/r"} {
		if pr[key] != want {
			t.Errorf("%s is %v, want %v", key, pr[key], want)
		}
	}
	rw := httptest.NewRecorder()
	w.worker.History().ServeHTTP(rw, httptest.NewRequest("GET", "/history", nil))
	var history map[string][]map[string]any
	must(t, json.Unmarshal(rw.Body.Bytes(), &history))
	if h := history["o/r:main"]; len(h) != 1 || h[0]["action"] != "TRIGGER" || h[0]["target"].([]any)[0].(map[string]any)["number"] != float64(id.Number) {
		t.Errorf("history %v", history)
	}
}

// Every webhook is lost: the slow net under them finds what happened.
func TestLostWebhooks(t *testing.T) {
	t.Parallel()
	w := open(t, strings.Replace(lgtmQuery, "1h", "300ms", 1))
	w.mu.Lock()
	w.deaf = true
	w.mu.Unlock()
	id := w.pulls("a")[0]
	w.says(id, "Not mergeable. Needs lgtm label.")
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	w.label(id, "lgtm")
	w.merges(id)
	other := w.pulls("b")[0]
	w.says(other, "Not mergeable. Needs lgtm label.")
	closed := "closed"
	must(t, w.Forge().Edit(t.Context(), other, prow.Edit{State: &closed}))
	w.says(other, "")
}

// A forge that stumbles, webhooks twice and in the wrong order, and tide killed
// again and again: what can merge merges, and the bad one does not.
func TestTrouble(t *testing.T) {
	t.Parallel()
	w := openWith(t, strings.Replace(lgtmQuery, "1h", "1s", 1), unitJob, world.Faults(t,
		"PUT /repos/*/merge 502 0.2", "POST /repos/*/statuses/* 502 0.2", "GET /repos/*/branches/* 502 0.05", "PUT /repos/*/merge cut 0.1",
		"WEBHOOK * duplicate 0.3", "WEBHOOK * reorder 0.3"))
	ids := w.pulls("a", "b", "c", "d", "e")
	bad := ids[2]
	w.be(fails(bad))
	w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
	for i, id := range ids {
		w.label(id, "lgtm")
		if i%2 == 0 {
			w.stop()
			w.start()
		}
	}
	w.merges(ids[0], ids[1], ids[3], ids[4])
	w.says(bad, "Not mergeable. Job unit has not succeeded.")
	if w.PullNow(bad).Merged {
		t.Error("the bad one merged")
	}
	jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{Types: []prow.Type{prow.Batch}})
	must(t, err)
	seen := map[string]bool{}
	for _, j := range jobs {
		if name := j.Spec.Context + j.Spec.Refs.String(); seen[name] {
			t.Errorf("%s is tested twice", name)
		} else {
			seen[name] = true
		}
		if has(j, bad) == (j.Status.State == prow.Success) {
			t.Errorf("%s is %s", j.Spec.Refs, j.Status.State)
		}
	}
}

// A person freezes the branch: nothing merges, and everybody reads why.
func TestAFreeze(t *testing.T) {
	t.Parallel()
	w := open(t, strings.Replace(lgtmQuery, "1h", "1s", 1))
	id := w.pulls("a")[0]
	freeze, err := json.Marshal(prow.Freeze{By: "carol", Why: "release day"})
	must(t, err)
	must(t, w.db.Memory.Save(t.Context(), prow.FreezeName(w.repo, "main"), freeze))
	w.label(id, "lgtm")
	w.says(id, "Not mergeable. Merging is frozen by carol: release day.")
	must(t, w.db.Memory.Save(t.Context(), prow.FreezeName(w.repo, "main"), nil))
	w.merges(id)
}

// A job for files is asked for when one of them is moved away, as it is when the
// change comes in.
func TestAMovedFileIsChanged(t *testing.T) {
	t.Parallel()
	w := openWith(t, lgtmQuery, strings.Replace(unitJob, "always_run: true", "run_if_changed: ^src/", 1))
	w.Commit(w.repo, "main", world.Bot, map[string]string{"src/a": "one\ntwo\nthree\n"})
	w.Users("alice")
	fork, err := w.Hub.Fork(t.Context(), w.repo, "alice")
	must(t, err)
	_, err = w.Hub.Commit(t.Context(), fork, "move", "alice", "Move it", map[string]string{"lib/a": "one\ntwo\nthree\n"}, "src/a")
	must(t, err)
	id, err := w.Hub.OpenPull(t.Context(), "alice", prow.NewPull{Repo: w.repo, Head: "alice:move", Base: "main", Title: "Move it"})
	must(t, err)
	files, err := w.Forge().Files(t.Context(), id)
	if err != nil || len(files) != 1 || files[0].OldName != "src/a" {
		t.Fatalf("the forge lists %+v, %v", files, err)
	}
	w.be(never)
	w.label(id, "lgtm")
	w.says(id, "Not mergeable. Retesting: unit")
	w.be(func(*prow.Job) prow.State { return prow.Success })
	w.merges(id)
}
