package deck

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"sigs.k8s.io/yaml"
)

type runView struct {
	Run        row          `json:"run"`
	Sentence   string       `json:"sentence"` // why it is where it is
	Doing      string       `json:"doing,omitempty"`
	ExitCode   int          `json:"exit_code,omitempty"`
	Containers []string     `json:"containers,omitempty"`
	Container  string       `json:"container,omitempty"` // whose log
	Pod        *podView     `json:"pod,omitempty"`
	Steps      []step       `json:"steps"`
	Error      *firstError  `json:"first_error,omitempty"`
	Tests      *testResults `json:"tests,omitempty"`
	Record     []testRecord `json:"record,omitempty"` // of tests in the newest runs of this job, if some failed here
	Files      []fileLine   `json:"files"`
	MoreFiles  bool         `json:"more_files,omitempty"`
	Attempts   []row        `json:"attempts"` // other runs of this job on this change, newest first
	Last       []row        `json:"last"`     // newest runs of this job on any change
	Env        []envVar     `json:"environment"`
	Links      []link       `json:"links,omitempty"`
	Command    string       `json:"command"`             // runs the same job here
	Dir        string       `json:"dir,omitempty"`       // of its files
	Forgotten  bool         `json:"forgotten,omitempty"` // only its files are left
	Log        linesView    `json:"-"`
	Job        *prow.Job    `json:"-"`
}

func (v runView) head() head {
	return head{Title: fmt.Sprintf("%s %s", v.Run.Job, v.Run.Word), Section: "jobs", Live: "run=" + v.Run.ID}
}

// Often says how often a test that failed here did so lately.
func (v runView) Often(c testCase) string {
	for _, r := range v.Record {
		if r.Name == c.Name && r.Class == c.Class && r.Suite == c.Suite && r.Of > 1 {
			return fmt.Sprintf("failed in %d of the newest %d runs", r.Failed+r.Flaky, r.Of)
		}
	}
	return ""
}

// Path returns an address of something of this run.
func (v runView) Path(base, what, key, value string) string {
	u := url.URL{Path: base + v.Run.ID + what}
	q := url.Values{}
	if v.Forgotten {
		q.Set("dir", v.Dir)
	}
	if v.Container != "" && key != "container" && !strings.HasPrefix(what, "/files") {
		q.Set("container", v.Container)
	}
	if key != "" {
		q.Set(key, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// step is a stretch of a run's life.
type step struct {
	Name    string    `json:"name"`
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Now     bool      `json:"now,omitempty"`
}

type firstError struct {
	Line  int       `json:"line"`
	Lines []logLine `json:"lines"` // it and what is around it
}

type envVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type link struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// HTML returns the lines as the page shows them, with the error marked.
func (e *firstError) HTML() any {
	at := slices.IndexFunc(e.Lines, func(l logLine) bool { return l.Number == e.Line })
	if at < 0 {
		return paintLines(e.Lines, false)
	}
	hit := strings.Replace(string(paintLines(e.Lines[at:at+1], false)), `class="l"`, `class="l err"`, 1)
	return paintLines(e.Lines[:at], false) + template.HTML(hit) + paintLines(e.Lines[at+1:], false)
}

// YAML returns the job as a resource.
func (v runView) YAML() (string, error) {
	j := *v.Job
	j.ManagedFields = nil
	b, err := yaml.Marshal(&j)
	return string(b), err
}

const (
	attemptsShown = 10
	lastShown     = 20
	tailShown     = 200
	before        = 20       // lines shown above the one asked for
	errorSearch   = 16 << 20 // bytes looked at for the first error before the page is sent
)

func (s *Server) run(r *http.Request) (view, error) {
	ctx := r.Context()
	j, err := s.asked(r)
	if err != nil {
		return nil, err
	}
	run := s.look(ctx, j)
	v := runView{Run: rowOf(j, s.Now()), Job: j, Sentence: sentence(j), Containers: s.choices(j, run), Container: r.URL.Query().Get("container")}
	if !j.Complete() {
		v.Doing = run.Doing
		if run.Phase == prow.Waiting && j.Status.State == prow.Pending {
			v.Sentence = cmp.Or(run.Why, v.Sentence)
		}
	}
	v.Pod = s.pod(ctx, j, v.Sentence)
	v.Steps = s.steps(j, v.Doing)
	v.Forgotten = r.URL.Query().Get("dir") != ""
	v.Env = environment(j)
	v.Command = runCommand(j)
	if err := s.addHistory(ctx, &v, j); err != nil {
		return nil, err
	}
	if j.Status.BuildID != "" {
		v.Dir = s.dir(j)
		if err := s.addFiles(ctx, &v, j); err != nil {
			return nil, err
		}
	}
	if v.Tests != nil && len(v.Tests.Bad) > 0 {
		f := prow.JobFilter{Job: j.Spec.Job}
		if refs := j.MainRefs(); refs != nil {
			f.Repo = refs.RepoID()
		}
		if v.Record, err = s.record(ctx, f); err != nil {
			return nil, err
		}
	}
	return v, s.addLog(r, &v, j)
}

// look says what the runner has of j; nothing if that cannot be known.
func (s *Server) look(ctx context.Context, j *prow.Job) prow.Run {
	if s.Runner == nil {
		return prow.Run{}
	}
	run, err := s.Runner.Look(ctx, j.Name)
	if err != nil {
		return prow.Run{}
	}
	return run
}

// sentence says why j is where it is.
func sentence(j *prow.Job) string {
	if d := j.Status.Description; d != "" && d != "Job triggered." {
		return d
	}
	switch j.Status.State {
	case prow.Triggered, prow.Scheduling, "":
		return "Waiting for its turn."
	case prow.Pending:
		return "Running."
	case prow.Success:
		return "All of it passed."
	case prow.Failure:
		return "The test ended with a failure."
	case prow.Aborted:
		return "Somebody or something stopped it."
	}
	return "Prow could not find out how the test went."
}

// steps tells the life of a run from the times that are known.
func (s *Server) steps(j *prow.Job, doing string) []step {
	var out []step
	add := func(name string, from, to time.Time) {
		now := to.IsZero()
		if now {
			to = s.Now()
		}
		out = append(out, step{name, from, max(0, to.Sub(from).Seconds()), now})
	}
	end := time.Time{}
	if j.Complete() {
		end = j.Status.CompletionTime.Time
	}
	created := j.CreationTimestamp.Time
	if created.IsZero() {
		created = j.Status.StartTime.Time
	}
	if j.Status.PendingTime == nil {
		add("waiting", created, end)
		return out
	}
	began := j.Status.PendingTime.Time
	add("waiting", created, began)
	cloned, tested := s.stepTimes(j)
	if at := began; !cloned.IsZero() && cloned.After(at) {
		add("starting and cloning", at, cloned)
		began = cloned
	}
	if !tested.IsZero() && !tested.Before(began) && !end.IsZero() {
		add("testing", began, tested)
		add("uploading", tested, end)
		return out
	}
	add(cmp.Or(doing, "running"), began, end)
	return out
}

// stepTimes reads from the run's own files when cloning and testing ended.
func (s *Server) stepTimes(j *prow.Job) (cloned, tested time.Time) {
	if j.Status.BuildID == "" || !j.Complete() {
		return
	}
	var at struct {
		Timestamp int64 `json:"timestamp"`
	}
	read := func(name string) time.Time {
		at.Timestamp = 0
		b, err := fs.ReadFile(s.Artifacts, s.dir(j)+"/"+name)
		if err != nil || json.Unmarshal(b, &at) != nil || at.Timestamp == 0 {
			return time.Time{}
		}
		return time.Unix(at.Timestamp, 0)
	}
	return read(prow.StartedFile), read(prow.FinishedFile)
}

// environment lists what Prow gives the test, without JOB_SPEC, which repeats
// all of it.
func environment(j *prow.Job) []envVar {
	env, err := j.Env(prow.PodHome, prow.PodArtifacts)
	if err != nil {
		return nil
	}
	delete(env, "JOB_SPEC")
	out := make([]envVar, 0, len(env))
	for k, v := range env {
		out = append(out, envVar{k, v})
	}
	slices.SortFunc(out, func(a, b envVar) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// runCommand is how to run the same on one's own machine.
func runCommand(j *prow.Job) string {
	c := "prow run " + quoteArg(j.Spec.Job)
	if p := j.Pull(); p != nil {
		c += fmt.Sprintf(" --pull %d", p.Number)
	}
	return c
}

func quoteArg(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:", r))
	}) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// addHistory adds the other runs: of this change, and of this job at all.
func (s *Server) addHistory(ctx context.Context, v *runView, j *prow.Job) error {
	f := prow.JobFilter{Job: j.Spec.Job, Limit: lastShown}
	if refs := j.MainRefs(); refs != nil {
		f.Repo = refs.RepoID()
	}
	var err error
	if v.Last, _, err = s.rows(ctx, f); err != nil {
		return err
	}
	v.Attempts = []row{}
	p := j.Pull()
	if p == nil {
		return nil
	}
	f.Pull, f.Limit = p.Number, attemptsShown+1
	all, _, err := s.rows(ctx, f)
	for _, a := range all {
		if a.ID != j.Name {
			a.BaseSHA = "" // what differs is the head
			v.Attempts = append(v.Attempts, a)
		}
	}
	return err
}

// addLog adds the end of the log, or the part around the line asked for, and the
// first error of a run that failed.
func (s *Server) addLog(r *http.Request, v *runView, j *prow.Job) error {
	ctx := r.Context()
	l, err := s.logOf(ctx, j, v.Container)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	from, err := number(r, "line", -tailShown)
	if err != nil {
		return err
	}
	if from > 0 {
		from = max(1, from-before)
	}
	if v.Log, err = s.part(ctx, l, from, tailShown); err != nil {
		return err
	}
	v.Log.Lines = fit(v.Log.Lines, from < 0)
	if !v.Run.Red() {
		return nil
	}
	hits, _, err := l.x.find(ctx, beginning(l.open, errorSearch), errorMatcher(s.Config()), 0, 1)
	if err != nil || len(hits) == 0 {
		return nil //nolint:nilerr // a long log: the page finds it later
	}
	first := hits[0].Number
	lines, err := l.x.read(ctx, l.open, max(0, first-4), 12)
	if err == nil {
		v.Error = &firstError{first, clip(lines, 500)}
	}
	return nil //nolint:nilerr // as above
}

// beginning opens the first size bytes of a log.
func beginning(open opener, size int64) opener {
	return func(ctx context.Context, offset int64) (io.ReadCloser, error) {
		f, err := open(ctx, offset)
		if err != nil {
			return nil, err
		}
		return skipped{io.LimitReader(f, size-offset), f}, nil
	}
}

// pageLog is how much of a log the page itself carries, in bytes.
const pageLog = 40 << 10

// fit leaves so many lines that the page stays small; the rest comes when it is
// scrolled to.
func fit(lines []logLine, end bool) []logLine {
	lines = clip(lines, 2000)
	total := 0
	if end {
		for i := len(lines) - 1; i >= 0; i-- {
			if total += len(lines[i].Text) + 80; total > pageLog {
				return lines[i+1:]
			}
		}
		return lines
	}
	for i := range lines {
		if total += len(lines[i].Text) + 80; total > pageLog {
			return lines[:i]
		}
	}
	return lines
}

func clip(lines []logLine, n int) []logLine {
	for i, l := range lines {
		if len(l.Text) > n {
			lines[i].Text = strings.ToValidUTF8(l.Text[:n], "")
			lines[i].Cut += int64(len(l.Text) - n)
		}
	}
	return lines
}

// rawJob answers the job as a resource.
func (s *Server) rawJob(w http.ResponseWriter, r *http.Request) {
	j, err := s.asked(r)
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	j.ManagedFields = nil
	s.respondJSON(w, r, http.StatusOK, j)
}

// runPath is the page of a run.
func runPath(id string) string { return "/run/" + url.PathEscape(id) }
