package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func labelRoutes() []route {
	return []route{
		{"GET /repos/{owner}/{repo}/labels", read, reading(func(c *call) (any, error) {
			return paged(c, c.repo.Labels, func(l *label) any { return c.showLabel(c.repo, l) })
		})},
		{"POST /repos/{owner}/{repo}/labels", triage, writing(postLabel)},
		{"GET /repos/{owner}/{repo}/labels/{name}", read, reading(getLabel)},
		{"PATCH /repos/{owner}/{repo}/labels/{name}", triage, writing(patchLabel)},
		{"DELETE /repos/{owner}/{repo}/labels/{name}", triage, writing(deleteLabel)},
		{"GET " + inIssue + "/labels", read, reading(listIssueLabels)},
		{"POST " + inIssue + "/labels", triage, writing(func(c *call, t *tx) (any, error) { return c.putLabels(t, false) })},
		{"PUT " + inIssue + "/labels", triage, writing(func(c *call, t *tx) (any, error) { return c.putLabels(t, true) })},
		{"DELETE " + inIssue + "/labels", triage, writing(clearLabels)},
		{"DELETE " + inIssue + "/labels/{name}", triage, writing(deleteIssueLabel)},
	}
}

type labelInput struct {
	Name, Color, Description *string
	NewName                  *string `json:"new_name"`
}

var color = regexp.MustCompile(`^[0-9A-Fa-f]{6}$`)

func (in *labelInput) check() error {
	if in.Color != nil {
		if *in.Color = strings.TrimPrefix(*in.Color, "#"); !color.MatchString(*in.Color) {
			return invalid("Label", "color", "invalid")
		}
		*in.Color = lower(*in.Color)
	}
	if in.Description != nil && len([]rune(*in.Description)) > 100 {
		return invalid("Label", "description", "custom", "description is too long (maximum is 100 characters)")
	}
	if n := in.Name; n != nil && (strings.TrimSpace(*n) == "" || len([]rune(*n)) > 50) {
		return invalid("Label", "name", "invalid")
	}
	return nil
}

func postLabel(c *call, t *tx) (any, error) {
	var in labelInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Name == nil {
		return nil, invalid("Label", "name", "missing_field")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if c.repo.label(*in.Name) != nil {
		return nil, invalid("Label", "name", "already_exists")
	}
	hue, text := "ededed", ""
	if in.Color != nil {
		hue = *in.Color
	}
	if in.Description != nil {
		text = *in.Description
	}
	l := t.newLabel(c.repo, *in.Name, hue, text)
	t.emit(c.repo, c.user, "label", "created", func() obj { return obj{"label": t.showLabel(c.repo, l)} })
	return created(c.showLabel(c.repo, l))
}

func (c *call) label() (*label, error) {
	if l := c.repo.label(c.path("name")); l != nil {
		return l, nil
	}
	return nil, notFound()
}

func getLabel(c *call) (any, error) {
	l, err := c.label()
	if err != nil {
		return nil, err
	}
	return c.showLabel(c.repo, l), nil
}

func patchLabel(c *call, t *tx) (any, error) {
	l, err := c.label()
	if err != nil {
		return nil, err
	}
	var in labelInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.NewName != nil {
		in.Name = in.NewName
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.Name != nil {
		if other := c.repo.label(*in.Name); other != nil && other != l {
			return nil, invalid("Label", "name", "already_exists")
		}
		l.Name = *in.Name
	}
	if in.Color != nil {
		l.Color = *in.Color
	}
	if in.Description != nil {
		l.Description = *in.Description
	}
	t.save(c.repo)
	t.emit(c.repo, c.user, "label", "edited", func() obj { return obj{"label": t.showLabel(c.repo, l), "changes": obj{}} })
	return c.showLabel(c.repo, l), nil
}

func deleteLabel(c *call, t *tx) (any, error) {
	l, err := c.label()
	if err != nil {
		return nil, err
	}
	for _, i := range t.st.byRepo[c.repo.ID] {
		if slices.Contains(i.Labels, l.ID) {
			i.Labels = without(i.Labels, l.ID)
			t.save(i)
		}
	}
	c.repo.Labels = without(c.repo.Labels, l)
	delete(t.st.labels, l.ID)
	t.save(c.repo)
	t.emit(c.repo, c.user, "label", "deleted", func() obj { return obj{"label": t.showLabel(c.repo, l)} })
	return noContent()
}

func listIssueLabels(c *call) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	return paged(c, c.showLabels(c.repo, i.Labels), func(l any) any { return l })
}

// putLabels adds labels, or with all replaces them. The body is a list, or an
// object with a list.
func (c *call) putLabels(t *tx, all bool) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	var body json.RawMessage
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if json.Unmarshal(body, &raw) != nil {
		var in struct{ Labels []json.RawMessage }
		if json.Unmarshal(body, &in) != nil {
			return nil, refuse(http.StatusUnprocessableEntity, "Invalid request.\n\nlabels: want a list of names.")
		}
		raw = in.Labels
	}
	names, err := labelNames(raw)
	if err != nil {
		return nil, err
	}
	var labels []*label
	for _, n := range names {
		labels = append(labels, t.needLabel(c.repo, n))
	}
	if all {
		t.setLabels(i, c.user, labels)
	}
	for _, l := range labels {
		t.addLabel(i, c.user, l)
	}
	return c.showLabels(c.repo, i.Labels), nil
}

func clearLabels(c *call, t *tx) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	t.setLabels(i, c.user, nil)
	return noContent()
}

func deleteIssueLabel(c *call, t *tx) (any, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	l := c.repo.label(c.path("name"))
	if l == nil || !slices.Contains(i.Labels, l.ID) {
		return nil, refuse(http.StatusNotFound, "Label does not exist")
	}
	t.removeLabel(i, c.user, l)
	return c.showLabels(c.repo, i.Labels), nil
}
