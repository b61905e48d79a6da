package tide

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
)

// CodeReview is a pull request as the original's API and merge templates see it.
type CodeReview struct {
	NameWithOwner string
	Number        int
	Org           string
	Repo          string
	BaseRefPrefix string
	BaseRefName   string
	HeadRefName   string
	HeadRefOID    string
	Title         string
	Body          string
	AuthorLogin   string
	UpdatedAtTime time.Time
	Mergeable     string
	GitHub        *GitHubPull
}

// GitHubPull is the forge's own object, in the shape of GitHub's GraphQL.
type GitHubPull struct {
	Number  int
	Author  struct{ Login string }
	BaseRef struct {
		Name   string
		Prefix string
	}
	HeadRefName string
	HeadRefOID  string
	Mergeable   string
	Repository  struct {
		Name          string
		NameWithOwner string
		Owner         struct{ Login string }
	}
	Labels    struct{ Nodes []struct{ Name string } }
	Milestone *struct{ Title string }
	Body      string
	Title     string
	UpdatedAt time.Time
}

// codeReview puts p into the original's shape.
func codeReview(p *prow.Pull) CodeReview {
	r := p.ID.Repo
	g := &GitHubPull{Number: p.ID.Number, HeadRefName: p.HeadRef, HeadRefOID: p.HeadSHA, Mergeable: string(p.Mergeable), Body: p.Body, Title: p.Title, UpdatedAt: p.Updated}
	g.Author.Login, g.BaseRef.Name, g.BaseRef.Prefix = p.Author, p.Base, "refs/heads/"
	g.Repository.Name, g.Repository.NameWithOwner, g.Repository.Owner.Login = r.Name, r.String(), r.Owner
	for _, l := range p.Labels {
		g.Labels.Nodes = append(g.Labels.Nodes, struct{ Name string }{l})
	}
	if p.Milestone != "" {
		g.Milestone = &struct{ Title string }{p.Milestone}
	}
	return CodeReview{
		NameWithOwner: r.String(), Number: p.ID.Number, Org: r.Owner, Repo: r.Name, BaseRefPrefix: "refs/heads/", BaseRefName: p.Base,
		HeadRefName: p.HeadRef, HeadRefOID: p.HeadSHA, Title: p.Title, Body: p.Body, AuthorLogin: p.Author, UpdatedAtTime: p.Updated,
		Mergeable: string(p.Mergeable), GitHub: g,
	}
}

// commitText makes the text of a merge commit by the configured templates. One
// that fails is left out: the forge has its own text.
func (l *look) commitText(s *Standing) (title, body string) {
	t := l.cfg.Tide.Template(l.key.Repo)
	run := func(t *template.Template) string {
		if t == nil {
			return ""
		}
		var b bytes.Buffer
		if err := t.Execute(&b, codeReview(s.Facts.Pull)); err != nil {
			l.w.Log.Warn("merge template left out", "worker", "tide", "pull", s.Facts.Pull.ID.String(), "err", err)
			return ""
		}
		return b.String()
	}
	return strings.TrimSpace(run(t.Title)), run(t.Body)
}

// snapshot is a pool in the original's shape.
type snapshot struct {
	Org          string
	Repo         string
	Branch       string
	SuccessPRs   []CodeReview
	PendingPRs   []CodeReview
	MissingPRs   []CodeReview
	BatchPending []CodeReview
	Action       prow.Verb
	Target       []CodeReview
	Blockers     []blockerWire
	Error        string
	TenantIDs    []string
}

type blockerWire struct {
	Number int
	Title  string
	URL    string
}

// publish keeps the pool in the original's shape for whoever asks.
func (p *pool) publish(l *look, is prow.Pool) {
	s := &snapshot{
		Org: l.key.Repo.Owner, Repo: l.key.Repo.Name, Branch: l.key.Branch, Action: is.Move.Do, Error: is.Error,
		SuccessPRs: []CodeReview{}, PendingPRs: []CodeReview{}, MissingPRs: []CodeReview{}, TenantIDs: l.tenants(),
	}
	for _, st := range l.in.Pulls {
		c := codeReview(st.Facts.Pull)
		switch st.State {
		case Passing:
			s.SuccessPRs = append(s.SuccessPRs, c)
		case Pending:
			s.PendingPRs = append(s.PendingPRs, c)
		default:
			s.MissingPRs = append(s.MissingPRs, c)
		}
	}
	s.BatchPending, s.Target = l.codeReviews(is.Batch), l.codeReviews(is.Move.On)
	for _, list := range [][]CodeReview{s.SuccessPRs, s.PendingPRs, s.MissingPRs, s.BatchPending, s.Target} {
		slices.SortFunc(list, func(a, b CodeReview) int { return a.Number - b.Number })
	}
	for _, b := range is.Blockers {
		s.Blockers = append(s.Blockers, blockerWire(b))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.snapshot = s
}

func (l *look) codeReviews(refs []prow.PullRef) []CodeReview {
	out := []CodeReview{}
	for _, ref := range refs {
		if s := l.all.of(ref.Number); s != nil {
			out = append(out, codeReview(s.Facts.Pull))
		}
	}
	return out
}

// tenants lists the tenants of the pool's jobs, each once.
func (l *look) tenants() []string {
	out := []string{}
	for _, j := range l.jobs {
		if d := j.Spec.ProwJobDefault; d != nil && d.TenantID != "" && !slices.Contains(out, d.TenantID) {
			out = append(out, d.TenantID)
		}
	}
	slices.Sort(out)
	return out
}

// Pools serves the pools as the original's tide does at /: a JSON array, null
// before the first.
func (w *Worker) Pools() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		var out []*snapshot
		for _, p := range w.allPools() {
			if p.busy() {
				p.mu.Lock()
				out = append(out, p.snapshot)
				p.mu.Unlock()
			}
		}
		slices.SortFunc(out, func(a, b *snapshot) int {
			return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.Branch, b.Branch))
		})
		writeJSON(rw, out)
	})
}

// recordWire is a record in the original's shape.
type recordWire struct {
	Time      time.Time        `json:"time"`
	Action    prow.Verb        `json:"action"`
	BaseSHA   string           `json:"baseSHA,omitempty"`
	Target    []pullRecordWire `json:"target,omitempty"`
	Err       string           `json:"err,omitempty"`
	TenantIDs []string         `json:"tenantids"`
}

type pullRecordWire struct {
	Number  int    `json:"number"`
	Author  string `json:"author"`
	Title   string `json:"title"`
	SHA     string `json:"sha"`
	HeadRef string `json:"head_ref"`
}

// History serves the moves as the original's tide does at /history: a JSON
// object of pool and records, newest first.
func (w *Worker) History() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		out := map[string][]recordWire{}
		for k, p := range w.allPools() {
			p.mu.Lock()
			records := []recordWire{}
			for _, r := range p.history {
				x := recordWire{Time: r.Time, Action: r.Action, BaseSHA: r.BaseSHA, Err: r.Err, TenantIDs: []string{}}
				if p.snapshot != nil {
					x.TenantIDs = p.snapshot.TenantIDs
				}
				for _, t := range r.Target {
					x.Target = append(x.Target, pullRecordWire{t.Number, t.Author, t.Title, t.SHA, t.HeadRef})
				}
				records = append(records, x)
			}
			p.mu.Unlock()
			if len(records) > 0 {
				out[k.String()] = records
			}
		}
		writeJSON(rw, out)
	})
}

func (w *Worker) allPools() map[key]*pool {
	s := w.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[key]*pool, len(s.pools))
	for k, p := range s.pools {
		out[k] = p
	}
	return out
}

func writeJSON(rw http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(append(body, '\n')) // the reader went away: nothing to do
}
