package deck

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

type homeView struct {
	Me      string         `json:"me,omitempty"`
	Pulls   []pullLine     `json:"pulls"`
	More    int            `json:"more_pulls"` // how many are not listed
	Failing []row          `json:"failing"`    // of the last day, newest first
	Running []row          `json:"running"`
	Counts  map[string]int `json:"counts"` // of the last day, by word
	Queues  []poolLine     `json:"queues"`
	Empty   bool           `json:"empty"` // nothing has happened here yet
}

func (v homeView) head() head { return head{Title: "Home", Section: "home", Live: "jobs tide"} }

// pullLine is an open pull request and the one thing that it needs next.
type pullLine struct {
	ID     string       `json:"id"`
	Title  string       `json:"title,omitempty"`
	Author string       `json:"author,omitempty"`
	Branch string       `json:"branch,omitempty"`
	Next   string       `json:"next"` // one sentence
	Item   *prow.Item   `json:"item,omitempty"`
	Place  int          `json:"place,omitempty"`
	State  string       `json:"state"` // ready, testing, missing, failing
	At     time.Time    `json:"at"`
	issue  prow.IssueID // ID, parsed
}

// Path returns the page of the pull request.
func (l pullLine) Path() string { return pullPath(l.issue) }

const (
	homePulls = 20
	homeRows  = 8
)

func (s *Server) home(r *http.Request) (view, error) {
	ctx, v := r.Context(), homeView{Me: prow.NormLogin(r.URL.Query().Get("me")), Counts: map[string]int{}}
	day := s.Now().Add(-24 * time.Hour)
	var err error
	if v.Failing, _, err = s.rows(ctx, prow.JobFilter{States: []prow.State{prow.Failure, prow.Error}, Since: day, Limit: homeRows}); err != nil {
		return nil, err
	}
	if v.Running, _, err = s.rows(ctx, prow.JobFilter{States: []prow.State{prow.Pending, prow.Triggered, prow.Scheduling}, Limit: homeRows}); err != nil {
		return nil, err
	}
	failingFirst(v.Running)
	counts, err := s.dayCounts(ctx, day)
	if err != nil {
		return nil, err
	}
	for state, n := range counts {
		v.Counts[word(state)] += n
	}
	if v.Queues, err = s.poolLines(ctx); err != nil {
		return nil, err
	}
	lines, err := s.pullLines(ctx, v.Me)
	if err != nil {
		return nil, err
	}
	v.Pulls = lines[:min(len(lines), homePulls)]
	v.More = len(lines) - len(v.Pulls)
	v.Empty = len(v.Pulls)+len(v.Running)+len(v.Failing)+len(v.Queues)+len(counts) == 0
	return v, nil
}

// countsFresh is how long the counts of the last day are good at least, and
// countsShare how many times as long as counting took: a day of a large
// installation costs more than the rest of the page, which looks again every
// tidePause anyway.
const (
	countsFresh = 2 * time.Second
	countsShare = 20
)

// dayCounts counts the jobs since day by state.
func (s *Server) dayCounts(ctx context.Context, day time.Time) (map[prow.State]int, error) {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	if s.counts.of != nil && day.Sub(s.counts.at) < s.counts.good {
		return s.counts.of, nil
	}
	began := s.Now()
	of, err := s.Jobs.Count(ctx, prow.JobFilter{Since: day, Visible: !s.ShowHidden})
	if err == nil {
		s.counts.at, s.counts.of, s.counts.good = day, of, max(countsFresh, countsShare*s.Now().Sub(began))
	}
	return of, err
}

// counted are counts, and the moment they begin at.
type counted struct {
	mu sync.Mutex
	at time.Time
	of map[prow.State]int

	good time.Duration
}

// pullLines lists the open pull requests that tide knows, those that a person
// has to do something for first.
func (s *Server) pullLines(ctx context.Context, author string) ([]pullLine, error) {
	names, err := s.Memory.Names(ctx, "tide/pull/")
	if err != nil {
		return nil, err
	}
	var out []pullLine
	for _, name := range names {
		id, err := prow.ParseIssueID(strings.TrimPrefix(name, "tide/pull/"))
		if err != nil || !s.shownRepo(id.Repo) {
			continue
		}
		v, err := s.verdict(ctx, id)
		if err != nil {
			return nil, err
		}
		if v == nil || v.Merged || author != "" && prow.NormLogin(v.Pull.Author) != author {
			continue
		}
		out = append(out, lineOf(id, v))
	}
	slices.SortFunc(out, func(a, b pullLine) int {
		return cmp.Or(cmp.Compare(urgency(a.State), urgency(b.State)), b.At.Compare(a.At), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

func urgency(state string) int {
	return slices.Index([]string{"failing", "missing", "testing", "ready"}, state)
}

// lineOf says what v needs next: the first thing that is not met.
func lineOf(id prow.IssueID, v *prow.Verdict) pullLine {
	l := pullLine{ID: id.String(), issue: id, Title: v.Pull.Title, Author: v.Pull.Author, Branch: v.Branch, Place: v.Place, At: v.At, Next: v.Text, State: "missing"}
	for _, i := range v.Items {
		if !i.Met {
			l.Item = &i
			l.Next = cmp.Or(i.Why, i.What)
			break
		}
	}
	for _, t := range v.Tests {
		if t.State == prow.CheckFailure || t.State == prow.CheckError {
			l.State = "failing"
		}
	}
	switch {
	case l.State == "failing":
	case v.InPool && v.State == prow.CheckSuccess:
		l.State = "ready"
	case v.InPool:
		l.State = "testing"
	}
	return l
}

// verdict returns what tide last said of a pull request, or nil.
func (s *Server) verdict(ctx context.Context, id prow.IssueID) (*prow.Verdict, error) {
	return load[prow.Verdict](ctx, s.Memory, prow.VerdictName(id))
}

// load reads a value from memory; absent is nil.
func load[T any](ctx context.Context, m prow.Memory, name string) (*T, error) {
	b, err := m.Load(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // absent is an answer here
	}
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, err
	}
	return v, nil
}
