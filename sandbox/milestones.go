package sandbox

import (
	"slices"
	"strings"
	"time"
)

func milestoneRoutes() []route {
	const one = "/repos/{owner}/{repo}/milestones/{mile}"
	return []route{
		{"GET /repos/{owner}/{repo}/milestones", read, reading(listMilestones)},
		{"POST /repos/{owner}/{repo}/milestones", triage, writing(postMilestone)},
		{"GET " + one, read, reading(getMilestone)},
		{"PATCH " + one, triage, writing(patchMilestone)},
		{"DELETE " + one, triage, writing(deleteMilestone)},
	}
}

func listMilestones(c *call) (any, error) {
	want := c.query("state")
	if want == "" {
		want = "open"
	}
	var out []*milestone
	for _, m := range c.repo.Milestones {
		if want == "all" || m.State == want {
			out = append(out, m)
		}
	}
	return paged(c, out, func(m *milestone) any { return c.showMilestone(c.repo, m) })
}

type milestoneInput struct {
	Title, Description, State *string
	Due                       *time.Time `json:"due_on"`
}

func (in *milestoneInput) apply(c *call, m *milestone) error {
	if in.Title != nil {
		for _, o := range c.repo.Milestones {
			if o != m && strings.EqualFold(o.Title, *in.Title) {
				return invalid("Milestone", "title", "already_exists")
			}
		}
	}
	if in.State != nil && *in.State != "open" && *in.State != "closed" {
		return invalid("Milestone", "state", "invalid")
	}
	if in.Title != nil {
		m.Title = *in.Title
	}
	if in.Description != nil {
		m.Description = *in.Description
	}
	if in.Due != nil {
		m.Due = *in.Due
	}
	if in.State != nil {
		if m.State, m.Closed = *in.State, (time.Time{}); m.State == "closed" {
			m.Closed = c.o.Now()
		}
	}
	m.Updated = c.o.Now()
	return nil
}

// newMilestone files a milestone without a title yet.
func (t *tx) newMilestone(r *repo, actor *account) *milestone {
	n := 1
	for _, m := range r.Milestones {
		n = max(n, m.Number+1)
	}
	return &milestone{ID: t.id(), Number: n, State: "open", Creator: actor.ID, Created: t.o.Now()}
}

func (t *tx) addMilestone(r *repo, m *milestone) {
	r.Milestones = append(slices.Clone(r.Milestones), m)
	t.st.miles[m.ID] = m
	t.save(r)
}

func postMilestone(c *call, t *tx) (any, error) {
	var in milestoneInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Title == nil || strings.TrimSpace(*in.Title) == "" {
		return nil, invalid("Milestone", "title", "missing_field")
	}
	m := t.newMilestone(c.repo, c.user)
	if err := in.apply(c, m); err != nil {
		return nil, err
	}
	t.addMilestone(c.repo, m)
	t.emit(c.repo, c.user, "milestone", "created", func() obj { return obj{"milestone": t.showMilestone(c.repo, m)} })
	return created(c.showMilestone(c.repo, m))
}

func (c *call) mile() (*milestone, error) {
	if m := c.milestone(int(c.number("mile"))); m != nil {
		return m, nil
	}
	return nil, notFound()
}

func getMilestone(c *call) (any, error) {
	m, err := c.mile()
	if err != nil {
		return nil, err
	}
	return c.showMilestone(c.repo, m), nil
}

func patchMilestone(c *call, t *tx) (any, error) {
	m, err := c.mile()
	if err != nil {
		return nil, err
	}
	var in milestoneInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.apply(c, m); err != nil {
		return nil, err
	}
	t.save(c.repo)
	t.emit(c.repo, c.user, "milestone", "edited", func() obj { return obj{"milestone": t.showMilestone(c.repo, m), "changes": obj{}} })
	return c.showMilestone(c.repo, m), nil
}

func deleteMilestone(c *call, t *tx) (any, error) {
	m, err := c.mile()
	if err != nil {
		return nil, err
	}
	for _, i := range t.st.byRepo[c.repo.ID] {
		if i.Milestone == m.ID {
			i.Milestone = 0
			t.save(i)
		}
	}
	c.repo.Milestones = without(c.repo.Milestones, m)
	delete(t.st.miles, m.ID)
	t.save(c.repo)
	t.emit(c.repo, c.user, "milestone", "deleted", func() obj { return obj{"milestone": t.showMilestone(c.repo, m)} })
	return noContent()
}
