package tide

import (
	"cmp"
	"slices"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// view is what tide remembers of the forge. Events mark what is stale; a look
// at a pool asks for that and no more. It can be built again at any time.
type view struct {
	mu       sync.Mutex
	pulls    map[prow.IssueID]*seen
	branches map[key]*prow.Branch
	repos    map[prow.Repo]repository
	blockers map[prow.IssueID]*prow.Issue
}

// seen is one open pull request as it was last seen.
type seen struct {
	pull     *prow.Pull // nil: never
	checks   []prow.Check
	approved bool

	stale    bool      // the pull request
	unsure   bool      // its checks
	reviews  bool      // its reviews, asked for only where reviewDecision says nothing
	read     time.Time // when it was read last
	changes  int       // counts events: what was read before one is stale still
	refusal  *Refusal
	recalled bool // refusal was looked for in Memory
}

type repository struct {
	*prow.Repository
	at time.Time
}

func newView() *view {
	return &view{
		pulls: map[prow.IssueID]*seen{}, branches: map[key]*prow.Branch{},
		repos: map[prow.Repo]repository{}, blockers: map[prow.IssueID]*prow.Issue{},
	}
}

// touch marks a pull request as changed and returns the branches it was and
// may be in.
func (v *view) touch(id prow.IssueID, base string) []key {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.pulls[id]
	var out []key
	if e == nil {
		e = &seen{}
		v.pulls[id] = e
	} else if e.pull != nil {
		out = append(out, key{id.Repo, e.pull.Base})
	}
	if base != "" && !slices.Contains(out, key{id.Repo, base}) {
		out = append(out, key{id.Repo, base})
	}
	if e.pull == nil {
		e.pull = &prow.Pull{Issue: prow.Issue{ID: id}, Base: base}
	}
	e.stale, e.reviews = true, true
	e.changes++
	return out
}

// touchCommit marks the checks of a commit as changed.
func (v *view) touchCommit(r prow.Repo, sha, name, text string) []key {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []key
	for id, e := range v.pulls {
		if id.Repo != r || e.pull == nil || e.pull.HeadSHA != sha {
			continue
		}
		i := slices.IndexFunc(e.checks, func(c prow.Check) bool { return c.Name == name })
		if name == ownContext && i >= 0 && e.checks[i].Text == text {
			continue // the echo of what we wrote
		}
		e.unsure = true
		e.changes++
		out = append(out, key{r, e.pull.Base})
	}
	return out
}

// moved forgets where a branch stands.
func (v *view) moved(k key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.branches, k)
}

// in lists the pull requests of a branch, by number.
func (v *view) in(k key) []prow.IssueID {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []prow.IssueID
	for id, e := range v.pulls {
		if id.Repo == k.Repo && e.pull != nil && e.pull.Base == k.Branch {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b prow.IssueID) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// keys lists the branches that have open pull requests; of one repository, if
// it is not zero.
func (v *view) keys(r prow.Repo) []key {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := map[key]bool{}
	for id, e := range v.pulls {
		if e.pull != nil && (r.IsZero() || id.Repo == r) {
			all[key{id.Repo, e.pull.Base}] = true
		}
	}
	out := make([]key, 0, len(all))
	for k := range all {
		out = append(out, k)
	}
	return out
}

// get returns a copy of what is known of a pull request.
func (v *view) get(id prow.IssueID) (seen, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.pulls[id]
	if e == nil {
		return seen{}, false
	}
	return *e, true
}

// update lets change work on what is known of a pull request, if it is known.
func (v *view) update(id prow.IssueID, change func(*seen)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.pulls[id]; e != nil {
		change(e)
	}
}

func (v *view) forget(id prow.IssueID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.pulls, id)
}

// found takes what a search that began at count changes found.
func (v *view) found(p *prow.Pull, before map[prow.IssueID]int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.pulls[p.ID]
	switch {
	case e == nil:
		e = &seen{reviews: true}
		v.pulls[p.ID] = e
	case e.changes != before[p.ID]:
		return // an event came while the search ran: it knows better
	}
	headMoved := e.pull == nil || e.pull.HeadSHA != p.HeadSHA
	e.reviews = e.reviews || e.pull == nil || !e.pull.Updated.Equal(p.Updated)
	e.pull, e.stale = p, false
	if p.Checks != nil {
		e.checks, e.unsure = p.Checks, false
	} else {
		e.unsure = e.unsure || headMoved
	}
}

// counts returns how often each pull request changed.
func (v *view) counts() map[prow.IssueID]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make(map[prow.IssueID]int, len(v.pulls))
	for id, e := range v.pulls {
		out[id] = e.changes
	}
	return out
}
