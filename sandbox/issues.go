package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const inIssue = "/repos/{owner}/{repo}/issues/{number}"

func issueRoutes() []route {
	return []route{
		{"GET /repos/{owner}/{repo}/issues", read, reading(listIssues)},
		{"POST /repos/{owner}/{repo}/issues", read, writing(postIssue)},
		{"GET " + inIssue, read, reading(getIssue)},
		{"PATCH " + inIssue, read, writing(patchIssue)},
		{"POST " + inIssue + "/assignees", triage, writing(postAssignees)},
		{"DELETE " + inIssue + "/assignees", triage, writing(deleteAssignees)},
		{"GET " + inIssue + "/assignees/{login}", read, reading(isAssignable)},
		{"PUT " + inIssue + "/lock", push, writing(func(c *call, t *tx) (any, error) { return c.lock(t, true) })},
		{"DELETE " + inIssue + "/lock", push, writing(func(c *call, t *tx) (any, error) { return c.lock(t, false) })},
		{"GET " + inIssue + "/events", read, reading(listEvents)},
		{"GET " + inIssue + "/timeline", read, reading(listTimeline)},
	}
}

// issue finds the issue or pull request of the path.
func (c *call) issue() (*issue, error) {
	if i := c.st.numbers[numberID{c.repo.ID, int(c.number("number"))}]; i != nil {
		return i, nil
	}
	return nil, notFound()
}

// mayEdit reports whether the caller may change the text of what author wrote.
func (c *call) mayEdit(author int64) error {
	if c.userID() == author || c.may >= triage {
		return nil
	}
	return refuse(http.StatusForbidden, "Must have triage access to Repository.")
}

func listIssues(c *call) (any, error) {
	q := c.r.URL.Query()
	want := q.Get("state")
	if want == "" {
		want = "open"
	}
	since, _ := time.Parse(time.RFC3339, q.Get("since"))
	var out []*issue
	for _, i := range c.st.byRepo[c.repo.ID] {
		keep := (want == "all" || i.State == want) && !i.Updated.Before(since) &&
			c.named(q.Get("assignee"), i.Assignees) && c.named(q.Get("creator"), []int64{i.Author}) && c.inMilestone(q.Get("milestone"), i)
		for l := range strings.SplitSeq(q.Get("labels"), ",") {
			if l = strings.TrimSpace(l); l != "" && !c.hasLabel(i, l) {
				keep = false
			}
		}
		if keep {
			out = append(out, i)
		}
	}
	sortIssues(out, q.Get("sort"), q.Get("direction"))
	return paged(c, out, func(i *issue) any { return c.showIssue(i) })
}

func (c *call) named(login string, ids []int64) bool {
	switch login {
	case "":
		return true
	case "none":
		return len(ids) == 0
	case "*":
		return len(ids) > 0
	}
	a := c.st.logins[lower(login)]
	return a != nil && slices.Contains(ids, a.ID)
}

func (c *call) inMilestone(want string, i *issue) bool {
	switch want {
	case "":
		return true
	case "none":
		return i.Milestone == 0
	case "*":
		return i.Milestone != 0
	}
	m := c.st.miles[i.Milestone]
	return m != nil && strconv.Itoa(m.Number) == want
}

func (f *Forge) hasLabel(i *issue, name string) bool {
	return slices.ContainsFunc(i.Labels, func(id int64) bool {
		l := f.st.labels[id]
		return l != nil && strings.EqualFold(l.Name, name)
	})
}

// sortIssues puts the newest first unless told otherwise.
func sortIssues(list []*issue, by, direction string) {
	slices.SortStableFunc(list, func(a, b *issue) int {
		d := 0
		if by == "updated" {
			d = a.Updated.Compare(b.Updated)
		}
		if d == 0 {
			d = a.Created.Compare(b.Created)
		}
		if d == 0 {
			d = int(a.ID - b.ID)
		}
		if direction != "asc" {
			d = -d
		}
		return d
	})
}

// issueInput is what a client may set. Title is raw because null and 5 occur.
type issueInput struct {
	Title       *string
	Body        *string
	State       *string
	StateReason *string         `json:"state_reason"`
	Milestone   json.RawMessage // a number or null
	Labels      *[]json.RawMessage
	Assignee    *string
	Assignees   *[]string
}

// labelNames reads labels, which are strings or objects with a name.
func labelNames(raw []json.RawMessage) ([]string, error) {
	var out []string
	for _, b := range raw {
		var s string
		if json.Unmarshal(b, &s) != nil {
			var o struct{ Name string }
			if json.Unmarshal(b, &o) != nil || o.Name == "" {
				return nil, refuse(http.StatusUnprocessableEntity, "Invalid request.\n\nFor 'labels', a label is a string or an object with a name.")
			}
			s = o.Name
		}
		if len(s) > 50*4 || strings.TrimSpace(s) == "" {
			return nil, invalid("Label", "name", "invalid")
		}
		out = append(out, s)
	}
	return out, nil
}

// plan is an issueInput that was found possible.
type plan struct {
	labels     []string
	setLabels  bool
	assignees  []*account
	setPeople  bool
	milestone  *milestone
	setMile    bool
	text       edited
	state, why string
}

func (c *call) plan(in *issueInput) (p plan, err error) {
	if in.Title != nil && strings.TrimSpace(*in.Title) == "" {
		return p, invalid("Issue", "title", "missing_field")
	}
	if in.Title != nil && len([]rune(*in.Title)) > 256 {
		return p, invalid("Issue", "title", "custom", "title is too long (maximum is 256 characters)")
	}
	if in.Body != nil {
		if err := checkBody("Issue", *in.Body); err != nil {
			return p, err
		}
	}
	p.text = edited{title: in.Title, body: in.Body}
	if in.State != nil {
		if p.state = *in.State; p.state != "open" && p.state != "closed" {
			return p, invalid("Issue", "state", "invalid")
		}
	}
	if in.StateReason != nil {
		p.why = *in.StateReason
	}
	if c.may < triage {
		return p, nil // GitHub drops the rest without a word
	}
	if in.Labels != nil {
		p.setLabels = true
		if p.labels, err = labelNames(*in.Labels); err != nil {
			return p, err
		}
	}
	if in.Assignee != nil && in.Assignees == nil {
		in.Assignees = &[]string{*in.Assignee}
	}
	if in.Assignees != nil {
		p.setPeople = true
		for _, login := range *in.Assignees {
			a := c.st.logins[lower(login)]
			if a == nil {
				return p, invalid("Issue", "assignees", "invalid")
			}
			p.assignees = append(p.assignees, a)
		}
	}
	if in.Milestone != nil {
		p.setMile = true
		var n int
		if string(in.Milestone) != "null" {
			if json.Unmarshal(in.Milestone, &n) != nil || c.milestone(n) == nil {
				return p, invalid("Issue", "milestone", "invalid")
			}
			p.milestone = c.milestone(n)
		}
	}
	return p, nil
}

func (c *call) milestone(n int) *milestone {
	for _, m := range c.repo.Milestones {
		if m.Number == n {
			return m
		}
	}
	return nil
}

// do carries p out.
func (p *plan) do(t *tx, i *issue, actor *account) {
	t.retext(i, actor, p.text)
	if p.setMile {
		t.setMilestone(i, actor, p.milestone)
	}
	if p.setLabels {
		var labels []*label
		for _, n := range p.labels {
			labels = append(labels, t.needLabel(t.st.repos[i.Repo], n))
		}
		t.setLabels(i, actor, labels)
	}
	if p.setPeople {
		for _, id := range slices.Clone(i.Assignees) {
			if a := t.account(id); !slices.Contains(p.assignees, a) {
				t.unassign(i, actor, a)
			}
		}
		for _, a := range p.assignees {
			if t.assignable(i, a) {
				t.assign(i, actor, a)
			}
		}
	}
	switch p.state {
	case "closed":
		t.close(i, actor, p.why)
	case "open":
		t.reopen(i, actor)
	}
}

func postIssue(c *call, t *tx) (any, error) {
	var in issueInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Title == nil {
		return nil, invalid("Issue", "title", "missing_field")
	}
	p, err := c.plan(&in)
	if err != nil {
		return nil, err
	}
	body := ""
	if in.Body != nil {
		body = *in.Body
	}
	p.text, p.state = edited{}, ""
	i := t.openIssue(c.repo, c.user, *in.Title, body, nil)
	t.onIssue(i, c.user, "opened", nil)
	p.do(t, i, c.user)
	c.header.Set("Location", c.repoAPI(c.repo)+"/issues/"+strconv.Itoa(i.Number))
	return created(c.showIssue(i))
}

func getIssue(c *call) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	return c.showIssue(i), nil
}

func patchIssue(c *call, t *tx) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	if err := c.mayEdit(i.Author); err != nil {
		return nil, err
	}
	var in issueInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p, err := c.plan(&in)
	if err != nil {
		return nil, err
	}
	if p.state == "open" && i.Pull != nil {
		if err := t.mayReopen(i); err != nil {
			return nil, err
		}
	}
	p.do(t, i, c.user)
	return c.showIssue(i), nil
}

type assignInput struct{ Assignees []string }

func postAssignees(c *call, t *tx) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	var in assignInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	// Whom GitHub cannot assign it leaves out without an error.
	for _, login := range in.Assignees {
		if a := t.st.logins[lower(login)]; a != nil && t.assignable(i, a) && len(i.Assignees) < 10 {
			t.assign(i, c.user, a)
		}
	}
	return created(c.showIssue(i))
}

func deleteAssignees(c *call, t *tx) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	var in assignInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	for _, login := range in.Assignees {
		if a := t.st.logins[lower(login)]; a != nil {
			t.unassign(i, c.user, a)
		}
	}
	return c.showIssue(i), nil
}

func (c *call) lock(t *tx, on bool) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	if i.Locked != on {
		i.Locked = on
		t.touch(i)
		kind := map[bool]string{true: "locked", false: "unlocked"}[on]
		t.note(i, c.user, event{Kind: kind})
		t.onIssue(i, c.user, kind, nil)
	}
	return noContent()
}
