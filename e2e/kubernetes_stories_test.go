//go:build kubernetes && node && linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
)

// soon is how long anything may take that pods have to do, on a machine that is
// busy with all stories at once.
const soon = 10 * time.Minute

// repo makes the repository o/name, whose jobs are its own.
func (i *installed) repo(t *testing.T, name, jobs string) prow.Repo {
	t.Helper()
	files := map[string]string{"README.md": name + "\n", "OWNERS": "approvers: [bob]\n"}
	if jobs != "" {
		files[".prow.yaml"] = jobs
	}
	r := i.w.Repo("o/"+name, files)
	for _, login := range []string{"alice", "bob"} {
		must0(t, i.w.Hub.AddCollaborator(t.Context(), r, login, "write"))
	}
	return r
}

// runs lists the runs of a job of a repository, the newest first.
func (i *installed) runs(t *testing.T, r prow.Repo, job string) []client.Job {
	t.Helper()
	l, err := i.api.Jobs(t.Context(), client.Filter{Repo: r.String(), Job: job})
	must0(t, err)
	return l.Jobs
}

// run waits for a run that is like that.
func (i *installed) run(t *testing.T, r prow.Repo, job, like string, ok func(client.Job) bool) client.Job {
	t.Helper()
	var found client.Job
	await(t, soon, "a run of "+job+" "+like, func() bool {
		all := i.runs(t, r, job)
		n := slices.IndexFunc(all, ok)
		if n >= 0 {
			found = all[n]
		}
		return n >= 0
	})
	return found
}

// ended waits for a run to end, and for it to end so.
func (i *installed) ended(t *testing.T, id string, state prow.State) client.Job {
	t.Helper()
	var run *client.Run
	await(t, soon, "run "+id+" ends", func() bool {
		var err error
		run, err = i.api.Run(t.Context(), id)
		must0(t, err)
		return run.Run.Done()
	})
	if run.Run.State != state {
		t.Fatalf("%s ended as %s, want %s: %s", run.Run.Job, run.Run.State, state, run.Run.Why)
	}
	return run.Run
}

// prints waits for what a run prints.
func (i *installed) prints(t *testing.T, id, text string) {
	t.Helper()
	await(t, soon, "run "+id+" prints "+text, func() bool {
		said, err := i.said(t, id)
		return err == nil && strings.Contains(said, text)
	})
}

func (i *installed) said(t *testing.T, id string) (string, error) {
	log, err := i.api.Log(t.Context(), id, "", 0, false)
	if err != nil {
		return "", err
	}
	defer log.Close()
	b, err := io.ReadAll(log)
	return string(b), err
}

// file waits for a file of a run in the bucket, and reads it there.
func (i *installed) file(t *testing.T, id, name string) string {
	t.Helper()
	j, err := i.api.Job(t.Context(), id)
	must0(t, err)
	return i.object(t, prow.Dir(j)+"/"+name)
}

func (i *installed) object(t *testing.T, name string) string {
	t.Helper()
	var b []byte
	await(t, soon, name+" is in the bucket", func() (ok bool) {
		var err error
		b, err = os.ReadFile(filepath.Join(i.dir, "s3", "prow", filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return err == nil
	})
	return string(b)
}

// leaves looks at what a run that is over has in the bucket: how it ended, and
// each text in its log.
func (i *installed) leaves(t *testing.T, id, result string, texts ...string) {
	t.Helper()
	var finished struct{ Result string }
	must0(t, json.Unmarshal([]byte(i.file(t, id, prow.FinishedFile)), &finished))
	if finished.Result != result {
		t.Errorf("finished.json of %s says %s, want %s", id, finished.Result, result)
	}
	log, page := i.file(t, id, prow.BuildLogFile), get(t, i.url+"/run/"+id)
	for _, text := range texts {
		if !strings.Contains(log, text) {
			t.Errorf("the log of %s in the bucket has no %q:\n%s", id, text, log)
		}
		if shown := html.EscapeString(text); !strings.Contains(page, shown) {
			t.Errorf("the page of %s does not show %q:\n%.3000s", id, shown, page)
		}
	}
}

// told is a status that the forge was ever given.
type told struct{ Context, State, Description string }

// statuses lists what the forge was told of a context of a commit, the oldest
// first.
func (i *installed) statuses(t *testing.T, r prow.Repo, sha, context string) []told {
	t.Helper()
	var all []told
	must0(t, json.Unmarshal([]byte(get(t, fmt.Sprintf("%s/repos/%s/commits/%s/statuses?per_page=100", i.w.Hub.API(), r, sha))), &all))
	slices.Reverse(all)
	return slices.DeleteFunc(all, func(s told) bool { return s.Context != context })
}

// reported waits until the status of a context is what it has to be in the end,
// and sees that on the way there each run was pending and then ended, and nothing
// was said twice.
func (i *installed) reported(t *testing.T, r prow.Repo, sha, context string, ends ...prow.CheckState) told {
	t.Helper()
	var all []told
	var got []prow.CheckState
	await(t, soon, fmt.Sprintf("%s is told as %v", context, ends), func() bool {
		all, got = i.statuses(t, r, sha, context), nil
		for _, s := range all {
			if s.State != string(prow.CheckPending) {
				got = append(got, prow.CheckState(s.State))
			}
		}
		return len(got) >= len(ends) && all[len(all)-1].State != string(prow.CheckPending)
	})
	if !slices.Equal(got, ends) {
		t.Errorf("%s of %s was told to end as %v, want %v: %+v", context, sha, got, ends, all)
	}
	for n, s := range all {
		if n > 0 && s == all[n-1] {
			t.Errorf("%s of %s was told twice: %+v", context, sha, s)
		}
	}
	if all[0].State != string(prow.CheckPending) {
		t.Errorf("%s of %s was never told to be pending: %+v", context, sha, all)
	}
	checks, err := i.w.Forge().Checks(t.Context(), r, sha)
	must0(t, err)
	if n := len(slices.DeleteFunc(checks, func(c prow.Check) bool { return c.Name != context })); n != 1 {
		t.Errorf("%s of %s has %d checks", context, sha, n)
	}
	return all[len(all)-1]
}

// job is a decorated job of one container, for a .prow.yaml; more is further keys
// of it, each on a line.
func job(name, image, script string, more ...string) string {
	return fmt.Sprintf("- name: %s\n  decorate: true\n  spec: {containers: [{image: %s, command: [sh, -c, %s]}]}\n  %s\n",
		name, image, strconv.Quote(script), strings.Join(more, "\n  "))
}

const (
	busybox = "docker.io/library/busybox:1.37"
	always  = "always_run: true"
)

func each[A, B any](all []A, f func(A) B) (out []B) {
	for _, a := range all {
		out = append(out, f(a))
	}
	return out
}

// A pull request is tested, reviewed, merged, and what follows a merge runs.
func (i *installed) change(t *testing.T) {
	r := i.repo(t, "change", "presubmits:\n"+job("unit", busybox, "cat README.md && grep -q good change.txt", always)+
		"postsubmits:\n"+job("publish", busybox, `cp change.txt "$ARTIFACTS/"; echo published $PULL_BASE_SHA`))
	id := i.w.Pull(r, "alice", "topic", map[string]string{"change.txt": "good\n"})
	head := i.w.PullNow(id).HeadSHA
	i.reported(t, r, head, "unit", prow.CheckSuccess)
	i.w.Say(id, "bob", "/lgtm\n/approve")
	await(t, soon, "it merges", func() bool { return i.w.PullNow(id).Merged })
	merged := i.w.PullNow(id).MergeSHA
	publish := i.run(t, r, "publish", "of the merge passes", func(j client.Job) bool { return j.BaseSHA == merged && j.State == prow.Success })
	i.reported(t, r, merged, "publish", prow.CheckSuccess)
	i.leaves(t, publish.ID, "SUCCESS", "published "+merged)
	if got := i.file(t, publish.ID, "artifacts/change.txt"); got != "good\n" {
		t.Errorf("the artifact in the bucket is %q", got)
	}
	if got := get(t, i.url+"/run/"+publish.ID+"/files/artifacts/change.txt"); got != "good\n" {
		t.Errorf("the artifact on the page is %q", got)
	}
	// publish runs for the first commit as well.
	if tests, after := i.runs(t, r, "unit"), i.runs(t, r, "publish"); len(tests) != 1 || len(after) != 2 {
		t.Errorf("unit ran %d times, publish %d times", len(tests), len(after))
	}
}

// A periodic runs again and again, and each run leaves its files.
func (i *installed) periodic(t *testing.T) {
	var two []client.Job // the oldest first
	await(t, soon, "nightly passes twice", func() bool {
		l, err := i.api.Jobs(t.Context(), client.Filter{Job: "nightly"})
		must0(t, err)
		slices.Reverse(l.Jobs)
		two = l.Jobs[:min(2, len(l.Jobs))]
		return len(two) == 2 && two[1].Done()
	})
	due := each(two, func(run client.Job) time.Time {
		j, err := i.api.Job(t.Context(), run.ID)
		must0(t, err)
		return j.Status.StartTime.Time
	})
	if pause := due[1].Sub(due[0]); pause < time.Minute {
		t.Errorf("the second run followed the first after %s, want not before the interval of a minute", pause)
	}
	for _, run := range two {
		i.leaves(t, run.ID, "SUCCESS", "good night from "+run.BuildID)
		dir := "logs/nightly/" + run.BuildID + "/"
		if got := i.object(t, dir+"artifacts/README.md"); got != "nightly\n" {
			t.Errorf("the artifact is %q", got)
		}
		var started struct{ Timestamp int64 }
		must0(t, json.Unmarshal([]byte(i.object(t, dir+prow.StartedFile)), &started))
		if started.Timestamp == 0 {
			t.Error("started.json does not say when")
		}
		for _, name := range []string{prow.ProwJobFile, prow.CloneRecordsFile} {
			if !json.Valid([]byte(i.object(t, dir+name))) {
				t.Errorf("%s is no JSON", name)
			}
		}
	}
	await(t, soon, "latest-build.txt names the second or a later run", func() bool {
		return i.object(t, "logs/nightly/"+prow.LatestBuildFile) >= two[1].BuildID
	})
}

// Three pull requests that passed on a base that is gone are tested together, in
// one pod that has them merged in their order, and merge.
func (i *installed) batch(t *testing.T) {
	// What is tested together has all three files, and the merges in its history.
	r := i.repo(t, "batch", "presubmits:\n"+job("unit", utilities,
		`[ "$JOB_TYPE" != batch ] || cat one two three; git -c safe.directory='*' log --first-parent --merges --format='merged %P'`, always))
	must0(t, i.w.Hub.AddLabels(t.Context(), r, "merge-blocker"))
	blocker := i.w.Issue(r, "bob", "Nothing merges for now", "")
	must0(t, i.w.Hub.Label(t.Context(), blocker, "bob", "merge-blocker"))
	var ids []prow.IssueID
	for _, name := range []string{"one", "two", "three"} {
		ids = append(ids, i.w.Pull(r, "alice", name, map[string]string{name: name + "\n"}))
	}
	for _, id := range ids {
		i.reported(t, r, i.w.PullNow(id).HeadSHA, "unit", prow.CheckSuccess)
	}
	base := i.w.Commit(r, "main", "bob", map[string]string{"moved": "on\n"})
	for _, id := range ids {
		i.w.Say(id, "bob", "/lgtm\n/approve")
	}
	for _, id := range ids {
		await(t, soon, "all that people give "+id.String()+" is there, and the issue blocks it", func() bool {
			why, err := i.api.Why(t.Context(), id)
			must0(t, err)
			lacks := map[string]bool{}
			if why.Verdict != nil {
				for _, x := range why.Verdict.Items {
					lacks[x.Kind] = lacks[x.Kind] || !x.Met
				}
			}
			labelled, known := lacks["label"]
			return known && !labelled && lacks["blocker"]
		})
	}
	closed := "closed"
	must0(t, i.w.As("bob").Edit(t.Context(), blocker, prow.Edit{State: &closed}))
	for _, id := range ids {
		await(t, soon, id.String()+" merges", func() bool { return i.w.PullNow(id).Merged })
	}
	l, err := i.api.Jobs(t.Context(), client.Filter{Repo: r.String(), Type: string(prow.Batch)})
	must0(t, err)
	if len(l.Jobs) != 1 || len(l.Jobs[0].Pulls) != 3 || l.Jobs[0].BaseSHA != base {
		t.Fatalf("want one batch of three on %s: %+v", base, l.Jobs)
	}
	run := i.ended(t, l.Jobs[0].ID, prow.Success)
	i.leaves(t, run.ID, "SUCCESS", "one", "two", "three")
	var merges []string // the newest first
	for line := range strings.Lines(i.file(t, run.ID, prow.BuildLogFile)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "merged" {
			merges = append(merges, f[2])
		}
	}
	slices.Reverse(merges)
	if want := each(run.Pulls, func(p prow.PullRef) string { return p.SHA }); !slices.Equal(merges, want) {
		t.Errorf("the pod had %v merged, want %v", merges, want)
	}
}

// A job has a second repository beside the first.
func (i *installed) extraRefs(t *testing.T) {
	i.repo(t, "words", "") // that it is not of GitHub has to be said, as ever
	r := i.repo(t, "extra", "presubmits:\n"+job("unit", busybox, `cat README.md "$GOPATH/src/example.com/words/README.md"`, always,
		"extra_refs: [{org: o, repo: words, base_ref: main, path_alias: example.com/words, clone_uri: "+i.w.URL+"/o/words.git}]"))
	id := i.w.Pull(r, "alice", "topic", map[string]string{"a": "a\n"})
	i.reported(t, r, i.w.PullNow(id).HeadSHA, "unit", prow.CheckSuccess)
	i.leaves(t, i.runs(t, r, "unit")[0].ID, "SUCCESS", "extra", "words")
	var records []struct{ Refs prow.Refs }
	must0(t, json.Unmarshal([]byte(i.file(t, i.runs(t, r, "unit")[0].ID, prow.CloneRecordsFile)), &records))
	if names := each(records, func(x struct{ Refs prow.Refs }) string { return x.Refs.Repo }); !slices.Equal(names, []string{"extra", "words"}) {
		t.Errorf("clone-records.json tells of %v", names)
	}
}

// What goes wrong is told on the forge in a sentence, once, and as what it is.
func (i *installed) badEnds(t *testing.T) {
	r := i.repo(t, "ends", "presubmits:\n"+
		job("slow", busybox, `trap 'echo cleaning up; touch "$ARTIFACTS/cleaned"; exit 3' INT; echo begun; sleep 3000 & wait`, always,
			"decoration_config: {timeout: 5s, grace_period: 2m}")+
		job("image", "127.0.0.1:1/no/such:image", "true", always, "decoration_config: {pod_pending_timeout: 1m}")+
		strings.Replace(job("room", busybox, "true", always, "decoration_config: {pod_unscheduled_timeout: 30s}"), "image:", `resources: {requests: {cpu: "1000"}}, image:`, 1))
	id := i.w.Pull(r, "alice", "topic", map[string]string{"a": "a\n"})
	head := i.w.PullNow(id).HeadSHA
	waiting := i.run(t, r, "room", "waits", func(j client.Job) bool { return j.State == prow.Pending })
	await(t, soon, "the page says what it waits for", func() bool {
		return strings.Contains(get(t, i.url+"/run/"+waiting.ID), "Insufficient cpu")
	})
	for job, want := range map[string]struct {
		state  prow.State
		check  prow.CheckState
		result string
		say    string
		log    []string
	}{
		"slow": {prow.Failure, prow.CheckFailure, "FAILURE", "did not finish before 5s timeout",
			[]string{"begun", "cleaning up", "did not finish before 5s timeout", "gracefully exited before 2m0s grace period"}},
		"image": {prow.Error, prow.CheckError, "error", "127.0.0.1:1/no/such:image", nil},
		"room":  {prow.Error, prow.CheckError, "error", "Insufficient cpu", nil},
	} {
		told := i.reported(t, r, head, job, want.check)
		run := i.ended(t, i.run(t, r, job, "is there", func(client.Job) bool { return true }).ID, want.state)
		t.Logf("%s: %q; the forge: %q", job, run.Why, told.Description)
		if !strings.Contains(run.Why, want.say) || !strings.HasSuffix(run.Why, ".") {
			t.Errorf("%s is said to have ended because: %q", job, run.Why)
		}
		if told.Description == "" {
			t.Errorf("%s has no word on the forge", job)
		}
		if want.log != nil {
			i.leaves(t, run.ID, want.result, want.log...)
			i.file(t, run.ID, "artifacts/cleaned")
			continue
		}
		var finished struct{ Result string }
		must0(t, json.Unmarshal([]byte(i.file(t, run.ID, prow.FinishedFile)), &finished))
		// A sidecar beside the image that is not to be had may say first that it was ended.
		if finished.Result != want.result && (job != "image" || finished.Result != "ABORTED") {
			t.Errorf("finished.json of %s says %s", job, finished.Result)
		}
	}
	var reports []string // of failures: what could not be run is no failure
	await(t, soon, "a comment tells of the failure", func() bool {
		reports = nil
		all, err := i.w.Forge().Comments(t.Context(), id)
		must0(t, err)
		for _, c := range all {
			if strings.Contains(c.Body, "<!-- test report -->") {
				reports = append(reports, c.Body)
			}
		}
		return len(reports) > 0
	})
	if len(reports) != 1 || strings.Count(reports[0], "/test slow") != 1 {
		t.Errorf("want one comment, and one row in it:\n%s", strings.Join(reports, "\n---\n"))
	}
}

// A run is ended by a newer push, by `prow abort` and by the API; each keeps its
// log. One that is run again passes, and that is what the forge says in the end.
func (i *installed) endedByHand(t *testing.T) {
	gate := filepath.Join(i.dir, "gate")
	must0(t, os.Mkdir(gate, 0o755))
	r := i.repo(t, "aborts", "presubmits:\n"+strings.Replace(
		job("long", busybox, `trap 'echo cleaning up; exit 1' INT TERM; echo begun; [ -e /gate/open ] || { sleep 3000 & wait; }`, always, "decoration_config: {grace_period: 2m}"),
		"spec: {containers: [{", fmt.Sprintf("spec: {volumes: [{name: gate, hostPath: {path: %s}}], containers: [{volumeMounts: [{name: gate, mountPath: /gate}], ", gate), 1))
	id := i.w.Pull(r, "alice", "topic", map[string]string{"a": "1\n"})
	// begun waits for a run that is none of those, and is in the midst of its test.
	begun := func(but ...string) string {
		t.Helper()
		run := i.run(t, r, "long", "begins", func(j client.Job) bool { return j.State == prow.Pending && !slices.Contains(but, j.ID) })
		i.prints(t, run.ID, "begun")
		return run.ID
	}
	// ended sees that a run came to its end by somebody's wish.
	ended := func(id, say string) {
		t.Helper()
		run := i.ended(t, id, prow.Aborted)
		if !strings.Contains(run.Why, say) {
			t.Errorf("the run is said to have ended because: %q, want %q", run.Why, say)
		}
		i.leaves(t, id, "ABORTED", "begun", "cleaning up")
	}
	old, first := i.w.PullNow(id).HeadSHA, begun()
	i.w.Commit(prow.Repo{Owner: "alice", Name: r.Name}, "topic", "alice", map[string]string{"a": "2\n"})
	second := begun(first)
	ended(first, "was pushed to #1")
	i.reported(t, r, old, "long", prow.CheckFailure)

	out, err := run(t.Context(), "", binary(t), "abort", "--server", i.url, second)
	if err != nil || !strings.Contains(out, "is being ended") {
		t.Fatalf("prow abort: %v\n%s", err, out)
	}
	ended(second, "Aborted by someone on this machine.")
	head := i.w.PullNow(id).HeadSHA
	i.reported(t, r, head, "long", prow.CheckFailure)

	again, err := i.api.Rerun(t.Context(), second)
	must0(t, err)
	if third := begun(first, second); third != again.ID || again.RerunOf != second {
		t.Errorf("%s runs, the answer was %+v", third, again)
	}
	_, err = i.api.Abort(t.Context(), again.ID)
	must0(t, err)
	ended(again.ID, "Aborted by someone on this machine.")
	var refused *client.Error
	if _, err := i.api.Abort(t.Context(), again.ID); !errors.As(err, &refused) || refused.Code != http.StatusConflict {
		t.Errorf("aborted a second time: %v", err)
	}
	i.reported(t, r, head, "long", prow.CheckFailure, prow.CheckFailure)

	writeFile(t, filepath.Join(gate, "open"), "")
	last, err := i.api.Rerun(t.Context(), again.ID)
	must0(t, err)
	i.ended(t, last.ID, prow.Success)
	i.leaves(t, last.ID, "SUCCESS", "begun")
	i.reported(t, r, head, "long", prow.CheckFailure, prow.CheckFailure, prow.CheckSuccess)
	if all := i.runs(t, r, "long"); len(all) != 4 {
		t.Errorf("%d runs, want 4: %+v", len(all), all)
	}
}
