package deck

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

type pullView struct {
	ID       string        `json:"id"`
	Title    string        `json:"title,omitempty"`
	Author   string        `json:"author,omitempty"`
	URL      string        `json:"url,omitempty"`
	State    string        `json:"state"` // open, draft, merged, closed, or unknown
	Branch   string        `json:"branch,omitempty"`
	Head     string        `json:"head,omitempty"`
	Labels   []string      `json:"labels"`
	Verdict  *prow.Verdict `json:"verdict,omitempty"`
	Next     *prow.Item    `json:"next,omitempty"`
	Required []attempts    `json:"required"`
	Optional []attempts    `json:"optional"`
	Other    []attempts    `json:"other"`
	Move     *prow.Move    `json:"move,omitempty"` // of the branch's queue
	Story    []prow.Note   `json:"story"`          // newest first
	Known    bool          `json:"known"`          // Prow has heard of it
	issue    prow.IssueID
	self     string // login that Prow acts by
}

func (v pullView) head() head {
	title := v.ID
	if v.Title != "" {
		title += " " + v.Title
	}
	return head{Title: title, Live: "tide pull=" + v.ID}
}

// Repo returns where it is.
func (v pullView) Repo() prow.Repo { return v.issue.Repo }

// Told returns the story without what only echoes it.
func (v pullView) Told() []prow.Note { return told(v.Story, v.self) }

// Reason says in a sentence what the word before it on the page does not.
func (v pullView) Reason() string {
	text := strings.TrimPrefix(v.Verdict.Text, "Not mergeable. ")
	if v.Verdict.InPool && text == "In merge pool." {
		return ""
	}
	return text
}

// Checklist returns what the verdict asks for, with all the labels that are rightly
// absent as one line.
func (v pullView) Checklist() []prow.Item {
	const no = "no label "
	var out []prow.Item
	at := -1
	for _, i := range v.Verdict.Items {
		name, absent := strings.CutPrefix(i.What, no)
		switch {
		case !absent || !i.Met || i.Why != "":
			out = append(out, i)
		case at < 0:
			at = len(out)
			out = append(out, i)
		default:
			out[at].What += ", " + name
		}
	}
	return out
}

// Number returns its number.
func (v pullView) Number() int { return v.issue.Number }

// attempts is a job's runs on one change, newest first.
type attempts struct {
	Job     string `json:"job"`
	Context string `json:"context,omitempty"`
	Runs    []row  `json:"runs"`
	Stale   bool   `json:"stale"` // the newest is of an older head
}

// Newest returns the last attempt.
func (a attempts) Newest() row { return a.Runs[0] }

// Older returns all attempts but the last, at most ten.
func (a attempts) Older() []row { return a.Runs[1:min(len(a.Runs), 11)] }

const (
	pullRuns  = 300
	storyRows = 200
)

func (s *Server) pull(r *http.Request) (view, error) {
	id, err := parsePull(r)
	if err != nil {
		return nil, err
	}
	if !s.shownRepo(id.Repo) {
		return nil, notFound("Prow knows nothing of %s.", "Check the spelling of the repository.", id)
	}
	ctx, v := r.Context(), pullView{ID: id.String(), issue: id, State: "unknown", Labels: []string{}}
	if v.Verdict, err = s.verdict(ctx, id); err != nil {
		return nil, err
	}
	runs, _, err := s.rows(ctx, prow.JobFilter{Repo: id.Repo, Pull: id.Number, Limit: pullRuns})
	if err != nil {
		return nil, err
	}
	if v.Story, err = s.Journal.Notes(ctx, id, storyRows); err != nil {
		return nil, err
	}
	slices.Reverse(v.Story)
	v.fromVerdict()
	v.fromRuns(runs)
	v.self = s.self(ctx)
	v.fromForge(s.forge.pull(ctx, s.Forge, id, s.Now(), lastTold(v.Story)))
	v.group(runs)
	v.Known = v.Verdict != nil || len(runs) > 0 || len(v.Story) > 0 || v.State != "unknown"
	if v.Verdict != nil && v.Verdict.InPool {
		if p, err := load[prow.Pool](ctx, s.Memory, prow.PoolName(id.Repo, v.Branch)); err == nil && p != nil {
			v.Move = &p.Move
		}
	}
	return v, nil
}

func (v *pullView) fromVerdict() {
	d := v.Verdict
	if d == nil {
		return
	}
	v.Title, v.Author, v.URL, v.Head, v.Branch, v.State = d.Pull.Title, d.Pull.Author, d.Pull.Link, d.Pull.SHA, d.Branch, "open"
	if d.Merged {
		v.State = "merged"
	}
	for _, i := range d.Items {
		if !i.Met {
			v.Next = &i
			break
		}
	}
}

// fromRuns learns from the newest run about exactly this pull request.
func (v *pullView) fromRuns(runs []row) {
	for _, r := range runs {
		for _, p := range r.Pulls {
			if p.Number == v.issue.Number && r.Type == prow.Presubmit {
				v.Title, v.Author, v.URL = cmp.Or(v.Title, p.Title), cmp.Or(v.Author, p.Author), cmp.Or(v.URL, p.Link)
				v.Head, v.Branch = cmp.Or(v.Head, p.SHA), cmp.Or(v.Branch, r.Base)
				return
			}
		}
	}
}

func (v *pullView) fromForge(p *prow.Pull) {
	if p == nil {
		return
	}
	v.Title, v.Author, v.URL, v.Head, v.Branch = p.Title, p.Author, p.URL, p.HeadSHA, p.Base
	v.Labels = append(v.Labels, p.Labels...)
	slices.Sort(v.Labels)
	switch {
	case p.Merged:
		v.State = "merged"
	case p.Draft && p.State == "open":
		v.State = "draft"
	default:
		v.State = p.State
	}
}

// group sorts runs by job, and jobs by whether a merge needs them.
func (v *pullView) group(runs []row) {
	v.Required, v.Optional, v.Other = []attempts{}, []attempts{}, []attempts{}
	needed := map[string]bool{}
	if v.Verdict != nil {
		for _, t := range v.Verdict.Tests {
			needed[t.Context] = true
		}
	}
	by, order := map[string]*attempts{}, []string{}
	for _, r := range runs {
		key := string(r.Type) + " " + r.Job
		if by[key] == nil {
			by[key], order = &attempts{Job: r.Job, Context: r.Context}, append(order, key)
		}
		by[key].Runs = append(by[key].Runs, r)
	}
	for _, key := range order {
		a := *by[key]
		n := a.Newest()
		a.Stale = v.Head != "" && !ofHead(n, v.issue.Number, v.Head)
		switch {
		case n.Type != prow.Presubmit:
			v.Other = append(v.Other, a)
		case needed[a.Context] || !n.Optional && n.Report && len(needed) == 0:
			v.Required = append(v.Required, a)
		case n.Report:
			v.Optional = append(v.Optional, a)
		default:
			v.Other = append(v.Other, a)
		}
	}
	for _, list := range [][]attempts{v.Required, v.Optional, v.Other} {
		slices.SortStableFunc(list, func(a, b attempts) int {
			return cmp.Or(cmp.Compare(rank(a.Newest().State), rank(b.Newest().State)), cmp.Compare(a.Job, b.Job))
		})
	}
}

func ofHead(r row, number int, sha string) bool {
	for _, p := range r.Pulls {
		if p.Number == number {
			return p.SHA == sha
		}
	}
	return false
}

type whyView struct {
	Pull    string        `json:"pull"`
	Known   bool          `json:"known"` // tide has looked at it
	Merges  bool          `json:"merges"`
	Text    string        `json:"text"` // one sentence
	Verdict *prow.Verdict `json:"verdict,omitempty"`
}

func (v whyView) head() head { return head{} }

func (s *Server) why(r *http.Request) (view, error) {
	id, err := parsePull(r)
	if err != nil {
		return nil, err
	}
	v := whyView{Pull: id.String(), Text: "Tide has not looked at this pull request: no query of its configuration covers it, or it has just been opened."}
	if !s.shownRepo(id.Repo) {
		return v, nil
	}
	v.Verdict, err = s.verdict(r.Context(), id)
	if v.Verdict != nil {
		v.Known, v.Merges, v.Text = true, v.Verdict.InPool || v.Verdict.Merged, v.Verdict.Text
		if v.Verdict.Merged {
			v.Text = "It is merged."
		}
	}
	return v, err
}

// forgeCache remembers pull requests for a short while, so that a page that many
// look at costs the forge one call.
type forgeCache struct {
	mu sync.Mutex
	of map[prow.IssueID]cachedPull
}

type cachedPull struct {
	at   time.Time
	pull *prow.Pull
}

const (
	forgeFresh = 10 * time.Second
	forgeTime  = 1500 * time.Millisecond // longer, and the page goes without
)

// lastTold is the time of the newest note, of a story told backwards.
func lastTold(story []prow.Note) time.Time {
	if len(story) == 0 {
		return time.Time{}
	}
	return story[0].At
}

// pull asks the forge; nil if there is none, or it does not answer. What was
// remembered before changed is asked anew.
func (c *forgeCache) pull(ctx context.Context, f prow.ForgeReader, id prow.IssueID, now, changed time.Time) *prow.Pull {
	if f == nil {
		return nil
	}
	c.mu.Lock()
	old, ok := c.of[id]
	c.mu.Unlock()
	if ok && now.Sub(old.at) < forgeFresh && changed.Before(old.at) {
		return old.pull
	}
	ctx, cancel := context.WithTimeout(ctx, forgeTime)
	defer cancel()
	p, err := f.Pull(ctx, id)
	if err != nil {
		p = old.pull
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.of) > 1000 || c.of == nil {
		c.of = map[prow.IssueID]cachedPull{}
	}
	c.of[id] = cachedPull{now, p}
	return p
}
