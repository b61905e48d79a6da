package crier

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sqlite"
)

// story is crier at work on a sandbox with a pull request of alice's.
type story struct {
	*world.World
	t    *testing.T
	repo prow.Repo
	id   prow.IssueID
	cfg  *config.Config
	db   *sqlite.DB
	art  prow.Artifacts
	pods prow.Pods
	end  func()
}

func begin(t *testing.T, faults ...string) *story {
	t.Helper()
	s := &story{World: world.New(t, world.Faults(t, faults...)), t: t, cfg: &config.Config{Plugins: &config.Plugins{}}}
	s.repo = s.Repo("o/r", map[string]string{"README.md": "hello\n"})
	s.id = s.Pull(s.repo, "alice", "topic", map[string]string{"a.txt": "a\n"})
	var err error
	if s.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "prow.db")); err != nil {
		t.Fatal(err)
	}
	if s.art, err = blob.Dir(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop()
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// window is how long crier gathers failures in these stories.
const window = 300 * time.Millisecond

func (s *story) start() {
	ctx, cancel := context.WithCancel(s.t.Context())
	w := &Worker{
		Jobs: s.db.Jobs, Forge: s.Forge(), Artifacts: s.art, Pods: s.pods, Memory: s.db.Memory, Journal: s.db.Journal, Window: window,
		Config: func() *config.Config { return s.cfg }, Log: slog.New(slog.DiscardHandler), Now: time.Now, Metrics: NewMetrics(),
	}
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	s.end = func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}
}

func (s *story) stop() {
	if s.end != nil {
		s.end()
		s.end = nil
	}
}

// job creates a job of the pull request as it is now.
func (s *story) job(id, context string, change ...func(*prow.Job)) {
	s.t.Helper()
	p := s.PullNow(s.id)
	j := prowtest.Job(id, append([]func(*prow.Job){func(j *prow.Job) {
		j.Spec.Job, j.Spec.Context, j.Spec.RerunCommand = context, context, "/test "+context
		j.Spec.Refs.BaseSHA = p.BaseSHA
		j.Spec.Refs.Pulls[0] = p.Ref()
		j.Labels[prow.LabelOptional] = "false"
	}}, change...)...)
	if err := s.db.Jobs.Create(s.t.Context(), j); err != nil {
		s.t.Fatal(err)
	}
}

// advance takes a job to a state.
func (s *story) advance(id string, to prow.State) {
	s.t.Helper()
	_, err := s.db.Jobs.Update(s.t.Context(), id, func(j *prow.Job) error {
		if j.Status.State == prow.Triggered {
			j.Status.BuildID, j.Status.URL = "77"+id, "http://deck/run/"+id
			if err := j.Advance(prow.Pending, time.Now(), "Job triggered."); err != nil || to == prow.Pending {
				return err
			}
		}
		if err := j.Advance(to, time.Now(), "It ended in "+string(to)+"."); err != nil || to != prow.Aborted {
			return err
		}
		return j.Finish(time.Now())
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// ran is a job from its creation to its end.
func (s *story) ran(id, context string, to prow.State) {
	s.t.Helper()
	s.job(id, context)
	s.advance(id, to)
}

func (s *story) told(id string, reporters ...string) {
	s.t.Helper()
	s.Eventually(fmt.Sprint(id, " is told by ", reporters), func() bool {
		j, err := s.db.Jobs.Get(s.t.Context(), id)
		if err != nil {
			s.t.Fatal(err)
		}
		return !slices.ContainsFunc(reporters, func(r string) bool { return !reported(j, r) })
	})
}

// check returns the check of a context on the head.
func (s *story) check(context string) prow.Check {
	s.t.Helper()
	all, err := s.Forge().Checks(s.t.Context(), s.repo, s.PullNow(s.id).HeadSHA)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == context {
			return c
		}
	}
	return prow.Check{}
}

func (s *story) comments() []prow.Comment {
	s.t.Helper()
	all, err := s.Forge().Comments(s.t.Context(), s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// rows waits until the one comment has rows for exactly these contexts; none
// means no comment.
func (s *story) rows(want ...string) (comment int64) {
	s.t.Helper()
	s.Eventually(fmt.Sprint("rows ", want), func() bool {
		all := s.comments()
		if len(want) == 0 {
			return len(all) == 0
		}
		if len(all) != 1 {
			return false
		}
		comment = all[0].ID
		var got []string
		for _, r := range parseRows(all[0].Body) {
			got = append(got, r.Context)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
	return comment
}

func TestAStatusForEachStep(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.start()
	s.job("a", "unit", func(j *prow.Job) { j.CreationTimestamp = j.Status.StartTime })
	s.told("a", gitHubReporter)
	if c := s.check("unit"); c.State != prow.CheckPending {
		t.Errorf("triggered: %+v", c)
	}
	s.advance("a", prow.Pending)
	s.told("a", gitHubReporter, storageReporter)
	if c := s.check("unit"); c.State != prow.CheckPending || c.URL != "http://deck/run/a" || c.Plain() != "Job triggered." {
		t.Errorf("pending: %+v", c)
	}
	s.advance("a", prow.Success)
	s.told("a", gitHubReporter, storageReporter, commentReporter)
	if c := s.check("unit"); c.State != prow.CheckSuccess || c.Plain() != "It ended in success." || c.BaseSHA() != s.PullNow(s.id).BaseSHA {
		t.Errorf("success: %+v", c)
	}
	if all := s.comments(); len(all) != 0 {
		t.Errorf("a success is commented on: %+v", all)
	}
}

func TestAJobThatStartsAtOnceIsPendingOnce(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.start()
	s.job("a", "unit")
	s.job("b", "waits")
	s.advance("a", prow.Pending)
	s.told("a", gitHubReporter)
	s.told("b", gitHubReporter)
	j, err := s.db.Jobs.Get(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(j.CreationTimestamp.Time); waited < soon {
		t.Errorf("that b waits was told after %v", waited)
	}
}

func TestOneCommentThatIsEdited(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.cfg.Plank.ReportTemplates = map[string]*template.Template{"*": template.Must(template.New("").Parse("See the guide for {{.Spec.Job}}."))}
	s.start()
	s.ran("a1", "ci/a", prow.Failure)
	s.ran("b1", "ci/b", prow.Failure)
	s.ran("c1", "ci/c", prow.Success)
	s.ran("d1", "ci/d", prow.Error)
	id := s.rows("ci/a", "ci/b")
	body := s.comments()[0].Body
	for _, want := range []string{"@alice: ", "See the guide for ci/", "| true | `/test ci/a`", "[link](http://deck/run/a1)", s.PullNow(s.id).HeadSHA} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in the comment:\n%s", want, body)
		}
	}
	if strings.Count(body, "<!-- test report -->") != 1 {
		t.Errorf("the marker is not there once:\n%s", body)
	}
	s.ran("a2", "ci/a", prow.Success)
	if again := s.rows("ci/b"); again != id {
		t.Errorf("comment %d became %d", id, again)
	}
	s.ran("b2", "ci/b", prow.Success)
	s.rows()
	for _, j := range []string{"a1", "b1", "c1", "d1", "a2", "b2"} {
		s.told(j, gitHubReporter, commentReporter, storageReporter)
	}
}

func TestFailuresTogetherAreOneNotification(t *testing.T) {
	t.Parallel()
	s := begin(t)
	for i := range 5 {
		s.ran(fmt.Sprint("j", i), fmt.Sprint("ci/", i), prow.Failure)
	}
	s.start()
	s.rows("ci/0", "ci/1", "ci/2", "ci/3", "ci/4")
	if c := s.comments()[0]; !c.Updated.Equal(c.Created) {
		t.Errorf("the comment was edited: five failures came in more than one step")
	}
}

func TestANewCommitEmptiesTheTable(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.start()
	s.ran("a1", "ci/a", prow.Failure)
	s.ran("b1", "ci/b", prow.Failure)
	s.rows("ci/a", "ci/b")
	p := s.PullNow(s.id)
	s.Commit(p.HeadRepo, p.HeadRef, "alice", map[string]string{"b.txt": "b\n"})
	s.Eventually("the head moved", func() bool { return s.PullNow(s.id).HeadSHA != p.HeadSHA })
	s.ran("a2", "ci/a", prow.Failure)
	s.Eventually("only the new commit is in the table", func() bool {
		rows := parseRows(s.comments()[0].Body)
		return len(rows) == 1 && rows[0].SHA == s.PullNow(s.id).HeadSHA
	})
}

func TestACommentOfAnEarlierInstallation(t *testing.T) {
	t.Parallel()
	s := begin(t)
	head := s.PullNow(s.id).HeadSHA
	table := func(rows ...string) string {
		return "@alice: old words\n\nTest name | Commit | Details | Required | Rerun command\n--- | --- | --- | --- | ---\n" + strings.Join(rows, "\n") + "\n\nbye\n<!-- test report -->"
	}
	line := func(context, sha string) string {
		return context + " | " + sha + " | [link](x) | true | `/test " + context + "`"
	}
	s.Say(s.id, world.Bot, table(line("ci/a", head), line("ci/b", head)))
	s.Say(s.id, world.Bot, table(line("ci/b", head), line("ci/stale", strings.Repeat("0", 40))))
	s.start()
	s.ran("a", "ci/a", prow.Failure)
	s.rows("ci/a", "ci/b")
	s.ran("a2", "ci/a", prow.Success)
	s.ran("b2", "ci/b", prow.Success)
	s.rows()
}

func TestReposThatWantNoCommentOrASummary(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.cfg.GitHubReporter.NoCommentRepos = []string{"o/r"}
	s.start()
	s.ran("a", "ci/a", prow.Failure)
	s.told("a", gitHubReporter, commentReporter)
	if all := s.comments(); len(all) != 0 {
		t.Errorf("comments = %+v", all)
	}
	s.stop()
	s.cfg.GitHubReporter.NoCommentRepos, s.cfg.GitHubReporter.SummaryCommentRepos = nil, []string{"o"}
	s.start()
	s.job("b", "ci/b")
	s.ran("c", "ci/c", prow.Failure)
	s.told("c", gitHubReporter)
	if all := s.comments(); len(all) != 0 {
		t.Errorf("a summary before all is done: %+v", all)
	}
	s.advance("b", prow.Success)
	s.rows("ci/a", "ci/c")
	s.ran("a2", "ci/a", prow.Success)
	s.ran("c2", "ci/c", prow.Success)
	s.Eventually("all tests passed", func() bool {
		all := s.comments()
		return len(all) == 1 && strings.Contains(all[0].Body, "every test **passed**")
	})
}

func TestResultsSurviveAForgeThatFails(t *testing.T) {
	t.Parallel()
	s := begin(t, "POST /repos/*/statuses/* 502 0.5", "POST /repos/*/comments 502 0.5", "POST /repos/*/statuses/* cut 0.1")
	for i := range 6 {
		s.ran(fmt.Sprint("j", i), fmt.Sprint("ci/", i), []prow.State{prow.Failure, prow.Success}[i%2])
	}
	s.start()
	s.rows("ci/0", "ci/2", "ci/4")
	for i := range 6 {
		s.told(fmt.Sprint("j", i), gitHubReporter, commentReporter)
		if c := s.check(fmt.Sprint("ci/", i)); c.State != []prow.CheckState{prow.CheckFailure, prow.CheckSuccess}[i%2] {
			t.Errorf("ci/%d is %s", i, c.State)
		}
	}
}

func TestWhatTheForgeForbidsIsGivenUpAndTold(t *testing.T) {
	t.Parallel()
	s := begin(t, "POST /repos/*/statuses/* 403")
	s.start()
	s.job("a", "unit")
	s.advance("a", prow.Pending)
	s.told("a", gitHubReporter)
	notes, err := s.db.Journal.Notes(t.Context(), s.id, 9)
	if err != nil || len(notes) != 1 || notes[0].Kind != "error" || !strings.Contains(notes[0].Text, "The result of unit could not be reported") {
		t.Errorf("notes = %+v, %v", notes, err)
	}
}

func TestACommitThatIsGoneIsNobodysFault(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.start()
	s.job("a", "unit", func(j *prow.Job) { j.Spec.Refs.Repo = "gone" })
	s.advance("a", prow.Failure)
	s.told("a", gitHubReporter, commentReporter)
}

func TestTheNewerJobSpeaksForItsContext(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.job("old", "unit")
	s.advance("old", prow.Pending)
	s.job("new", "unit")
	s.advance("new", prow.Success)
	s.advance("old", prow.Failure)
	s.start()
	s.told("old", gitHubReporter, commentReporter)
	s.told("new", gitHubReporter, commentReporter)
	if c := s.check("unit"); c.State != prow.CheckSuccess {
		t.Errorf("the older job's failure covers the newer's success: %+v", c)
	}
	if all := s.comments(); len(all) != 0 {
		t.Errorf("comments = %+v", all)
	}
}

func TestFilesOfARun(t *testing.T) {
	t.Parallel()
	s := begin(t)
	read := func(j *prow.Job, name string, v any) {
		t.Helper()
		b, err := fs.ReadFile(s.art, path.Join(prow.Dir(j), name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, v); err != nil || !strings.Contains(string(b), "\n\t\"") {
			t.Errorf("%s: %v in\n%s", name, err, b)
		}
	}
	s.job("a", "unit", func(j *prow.Job) { j.Spec.Report = false })
	s.advance("a", prow.Pending)
	s.start()
	s.told("a", storageReporter)
	j, err := s.db.Jobs.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	var stored prow.Job
	read(j, prow.ProwJobFile, &stored)
	if stored.Status.State != prow.Pending || stored.Name != "a" {
		t.Errorf("prowjob.json = %+v", stored.Status)
	}
	if _, err := fs.Stat(s.art, path.Join(prow.Dir(j), prow.StartedFile)); err == nil {
		t.Error("started.json is written while the run may still write it")
	}
	f, err := s.art.Create(t.Context(), path.Join(prow.Dir(j), prow.FinishedFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("{\n\t\"result\": \"of the run\"\n}")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.advance("a", prow.Error)
	s.told("a", storageReporter)
	read(j, prow.ProwJobFile, &stored)
	var begun startedFile
	read(j, prow.StartedFile, &begun)
	var done finishedFile
	read(j, prow.FinishedFile, &done)
	if stored.Status.State != prow.Error || begun.Metadata["uploader"] != "crier" || begun.Pull != "1" || begun.RepoCommit != j.Spec.Refs.Pulls[0].SHA ||
		begun.Repos["o/r"] != j.Spec.Refs.String() || done.Result != "of the run" {
		t.Errorf("prowjob.json %s, started.json %+v, finished.json %+v", stored.Status.State, begun, done)
	}
	s.ran("b", "unit", prow.Aborted)
	s.told("b", storageReporter)
	if j, err = s.db.Jobs.Get(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	read(j, prow.FinishedFile, &done)
	if done.Result != "aborted" || done.Passed || done.Metadata["uploader"] != "crier" || done.Timestamp != j.Status.CompletionTime.Unix() {
		t.Errorf("finished.json of an aborted job = %+v", done)
	}
}
