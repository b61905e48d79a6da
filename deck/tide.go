package deck

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
)

// poolLine is the queue of a branch in one line.
type poolLine struct {
	Repo    string    `json:"repo"`
	Branch  string    `json:"branch"`
	Do      prow.Verb `json:"do"`
	Why     string    `json:"why"`
	Waiting int       `json:"waiting"` // pull requests in the pool
	Batch   int       `json:"batch,omitempty"`
	Blocked int       `json:"blocked,omitempty"` // by so many issues
	Error   string    `json:"error,omitempty"`
	At      time.Time `json:"at"`
}

// Path returns the page of the queue.
func (l poolLine) Path() string { return "/tide/" + l.Repo + "/" + escapePath(l.Branch) }

func escapePath(p string) string { return (&url.URL{Path: p}).EscapedPath() }

type tideView struct {
	Pools []poolView `json:"pools"`
}

func (v tideView) head() head { return head{Title: "Queue", Section: "tide", Live: "tide"} }

type poolView struct {
	Pool    prow.Pool     `json:"pool"`
	Queue   []queued      `json:"queue"`
	History []prow.Record `json:"history"` // newest first
	repo    string
}

func (v poolView) head() head {
	return head{Title: v.repo + " " + v.Pool.Branch, Section: "tide", Live: "tide"}
}

// Path returns the page of the queue.
func (v poolView) Path() string { return "/tide/" + v.repo + "/" + escapePath(v.Pool.Branch) }

// Repo returns owner/name.
func (v poolView) Repo() string { return v.repo }

// queued is a pull request in a queue.
type queued struct {
	Pull    prow.PullRef `json:"pull"`
	Place   int          `json:"place"`
	State   string       `json:"state"` // passed, running, waiting, failed: of its tests
	Batched bool         `json:"batched,omitempty"`
	Next    bool         `json:"next,omitempty"` // the move is about it
	Why     string       `json:"why"`
	Tests   []prow.Test  `json:"tests,omitempty"`
	path    string
}

// Path returns the page of the pull request.
func (q queued) Path() string { return q.path }

// pools loads the pools that readers may see.
func (s *Server) pools(ctx context.Context) ([]prow.Pool, error) {
	names, err := s.Memory.Names(ctx, "tide/pool/")
	if err != nil {
		return nil, err
	}
	var out []prow.Pool
	for _, n := range names {
		p, err := load[prow.Pool](ctx, s.Memory, n)
		if err != nil {
			return nil, err
		}
		if p != nil && s.shownRepo(p.Repo) {
			out = append(out, *p)
		}
	}
	slices.SortFunc(out, func(a, b prow.Pool) int {
		return cmp.Or(-cmp.Compare(min(len(a.Pulls), 1), min(len(b.Pulls), 1)), cmp.Compare(a.Repo.String(), b.Repo.String()), cmp.Compare(a.Branch, b.Branch))
	})
	return out, nil
}

func (s *Server) poolLines(ctx context.Context) ([]poolLine, error) {
	pools, err := s.pools(ctx)
	out := []poolLine{}
	for _, p := range pools {
		out = append(out, poolLine{p.Repo.String(), p.Branch, p.Move.Do, p.Move.Why, len(p.Pulls), len(p.Batch), len(p.Blockers), p.Error, p.At})
	}
	return out, err
}

func (s *Server) tide(r *http.Request) (view, error) {
	pools, err := s.pools(r.Context())
	v := tideView{Pools: []poolView{}}
	for _, p := range pools {
		v.Pools = append(v.Pools, poolOf(p))
	}
	return v, err
}

func (s *Server) pool(r *http.Request) (view, error) {
	repo, branch := repoOf(r), r.PathValue("branch")
	var p *prow.Pool
	var err error
	if s.shownRepo(repo) {
		p, err = load[prow.Pool](r.Context(), s.Memory, prow.PoolName(repo, branch))
	}
	if err != nil {
		return nil, err
	}
	history := []prow.Record{}
	if h, err := load[[]prow.Record](r.Context(), s.Memory, prow.HistoryName(repo, branch)); err == nil && h != nil && s.shownRepo(repo) {
		history = (*h)[:min(len(*h), 200)]
	}
	if p == nil {
		if len(history) == 0 {
			return nil, notFound("There is no queue for %s of %s.", "Tide makes one when a query of its configuration covers the branch and a pull request is ready.", branch, repo)
		}
		p = &prow.Pool{Repo: repo, Branch: branch, Move: prow.Move{Do: prow.Wait, Why: "No pull request is ready to merge."}}
	}
	v := poolOf(*p)
	v.History = history
	return v, nil
}

// poolOf says of each pull request in the queue how it stands.
func poolOf(p prow.Pool) poolView {
	v := poolView{Pool: p, Queue: []queued{}, History: []prow.Record{}, repo: p.Repo.String()}
	has := func(list []prow.PullRef, n int) bool {
		return slices.ContainsFunc(list, func(r prow.PullRef) bool { return r.Number == n })
	}
	for i, d := range p.Pulls {
		q := queued{
			Pull: d.Pull, Place: i + 1, Tests: d.Tests, Why: d.Text, Batched: has(p.Batch, d.Pull.Number), Next: has(p.Move.On, d.Pull.Number),
			State: testsState(d.Tests), path: pullPath(prow.IssueID{Repo: p.Repo, Number: d.Pull.Number}),
		}
		v.Queue = append(v.Queue, q)
	}
	return v
}

// testsState is the worst of the tests.
func testsState(tests []prow.Test) string {
	found := map[string]bool{}
	for _, t := range tests {
		found[checkWord(t.State)] = true
	}
	for _, w := range []string{"failed", "error", "running", "waiting"} {
		if found[w] {
			return w
		}
	}
	return "passed"
}

// Verb says in words what tide does.
func (v poolView) Verb() string { return doing(v.Pool.Move.Do, len(v.Pool.Batch)) }

// Verb says in words what tide does.
func (l poolLine) Verb() string { return doing(l.Do, l.Batch) }

func doing(do prow.Verb, batch int) string {
	if do == prow.Wait && batch > 0 {
		do = prow.TriggerBatch
	}
	return verbWord(do)
}

// didWord says in words what tide has done.
func didWord(do prow.Verb) string {
	switch do {
	case prow.Trigger:
		return "tests started"
	case prow.TriggerBatch:
		return "batch tests started"
	case prow.Merge:
		return "merged"
	case prow.MergeBatch:
		return "merged a batch"
	}
	return verbWord(do)
}

func verbWord(do prow.Verb) string {
	switch do {
	case prow.Trigger:
		return "testing"
	case prow.TriggerBatch:
		return "testing a batch"
	case prow.Merge:
		return "merging"
	case prow.MergeBatch:
		return "merging a batch"
	case prow.Blocked:
		return "blocked"
	}
	return "waiting"
}
