package triage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// labelPlan is what a comment asks for.
type labelPlan struct {
	Add, Remove []string
	Unknown     []string // not configured for /label
	Say         []string // what else is to be answered
}

// labelSteps is what will be done about a plan, and what is to be said.
type labelSteps struct {
	Add, Remove []string // as the repository spells them
	Missing     []string // not in the repository
	Unset       []string // to be removed, but not there
}

// steps compares a plan with the labels of the repository and of the issue.
func (p labelPlan) steps(repo []string, issue *prow.Issue) labelSteps {
	var s labelSteps
	spelling := func(n string) string {
		if i := slices.IndexFunc(repo, func(x string) bool { return strings.EqualFold(x, n) }); i >= 0 {
			return repo[i]
		}
		return ""
	}
	for _, n := range unique(p.Add) {
		switch name := spelling(n); {
		case name == "":
			s.Missing = append(s.Missing, n)
		case !issue.HasLabel(n):
			s.Add = append(s.Add, name)
		}
	}
	for _, n := range unique(p.Remove) {
		switch name := spelling(n); {
		case name == "":
			s.Missing = append(s.Missing, n)
		case !issue.HasLabel(n):
			s.Unset = append(s.Unset, n)
		default:
			s.Remove = append(s.Remove, name)
		}
	}
	for _, category := range needs() {
		if n := spelling("needs-" + category); n != "" && !issue.HasLabel(n) && p.empties(category, issue) {
			s.Add = append(s.Add, n)
		}
	}
	return s
}

// empties reports whether a plan takes the last labels of a category away.
func (p labelPlan) empties(category string, issue *prow.Issue) bool {
	in := func(l string) bool { return strings.HasPrefix(strings.ToLower(l), category+"/") }
	if !slices.ContainsFunc(p.Remove, in) || slices.ContainsFunc(p.Add, in) {
		return false
	}
	for _, l := range issue.Labels {
		if in(l) && !slices.Contains(p.Remove, strings.ToLower(l)) {
			return false
		}
	}
	return true
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// apply does what the plan asks for and the person may do, and answers the rest.
func (l label) apply(ctx context.Context, c *plugin.Call, by string, p labelPlan) error {
	issue, err := c.Forge.Issue(ctx, c.At)
	if err != nil {
		return fmt.Errorf("issue %s: %w", c.At, err)
	}
	known, err := c.Forge.Labels(ctx, c.At.Repo)
	if err != nil {
		return fmt.Errorf("labels of %s: %w", c.At.Repo, err)
	}
	restricted := l.section.Of(c.Config).restricted(c.At.Repo)
	allowed := func(list []string) ([]string, error) {
		var ok []string
		for _, n := range list {
			why, err := refused(ctx, c, restricted, n, by)
			if err != nil {
				return nil, err
			}
			if why == "" {
				ok = append(ok, n)
			} else {
				p.Say = append(p.Say, why)
			}
		}
		return ok, nil
	}
	if p.Remove, err = allowed(unique(p.Remove)); err != nil {
		return err
	}
	if p.Add, err = allowed(unique(p.Add)); err != nil {
		return err
	}
	if slices.Contains(p.Add, "triage/accepted") {
		member, err := c.Forge.Member(ctx, c.At.Repo.Owner, by)
		if err != nil {
			return fmt.Errorf("membership of %s in %s: %w", by, c.At.Repo.Owner, err)
		}
		if !member {
			p.Add = slices.DeleteFunc(p.Add, func(n string) bool { return n == "triage/accepted" })
			p.Say = append(p.Say, "Members of "+c.At.Repo.Owner+" decide on `triage/accepted`. Ask one of them to say it.")
		}
	}
	s := p.steps(known, issue)
	if err := s.do(ctx, c); err != nil {
		return err
	}
	if text := s.answer(p, c.At.Repo); text != "" {
		return c.Reply(ctx, text)
	}
	return nil
}

func (s labelSteps) do(ctx context.Context, c *plugin.Call) error {
	for _, n := range s.Remove {
		if err := c.Forge.RemoveLabel(ctx, c.At, n); err != nil {
			return fmt.Errorf("label %s of %s: %w", n, c.At, err)
		}
	}
	if len(s.Add) == 0 {
		return nil
	}
	if err := c.Forge.AddLabel(ctx, c.At, s.Add...); err != nil {
		return fmt.Errorf("labels %v of %s: %w", s.Add, c.At, err)
	}
	return nil
}

// answer says all that could not be done.
func (s labelSteps) answer(p labelPlan, r prow.Repo) string {
	out := slices.Clone(p.Say)
	if len(p.Unknown) > 0 {
		out = append(out, fmt.Sprintf("`/label` does not offer %s here. Whoever looks after Prow can add it to `additional_labels`.", code(p.Unknown)))
	}
	if len(s.Missing) > 0 {
		out = append(out, fmt.Sprintf("%s has no label %s. Create it there first, or check how it is written.", r, code(s.Missing)))
	}
	if len(s.Unset) > 0 {
		out = append(out, fmt.Sprintf("%s was not on, so there was nothing to take off.", code(s.Unset)))
	}
	return strings.Join(out, "\n\n")
}

// code writes labels so that nothing in them is markup.
func code(list []string) string {
	var out []string
	for _, s := range unique(list) {
		out = append(out, "`"+strings.ReplaceAll(s, "`", "'")+"`")
	}
	return strings.Join(out, ", ")
}

// refused says why login may not touch a label; "" if they may.
func refused(ctx context.Context, c *plugin.Call, restricted []RestrictedLabel, name, login string) (string, error) {
	i := slices.IndexFunc(restricted, func(r RestrictedLabel) bool { return strings.EqualFold(r.Label, name) })
	if i < 0 {
		return "", nil
	}
	r := restricted[i]
	is := func(x string) bool { return prow.NormLogin(x) == prow.NormLogin(login) }
	if slices.ContainsFunc(r.AllowedUsers, is) {
		return "", nil
	}
	for _, team := range r.AllowedTeams {
		members, err := c.Forge.Team(ctx, c.At.Repo.Owner, team)
		if err != nil {
			return "", fmt.Errorf("team %s of %s: %w", team, c.At.Repo.Owner, err)
		}
		if slices.ContainsFunc(members, is) {
			return "", nil
		}
	}
	var who []string
	if len(r.AllowedTeams) > 0 {
		who = append(who, "members of the teams "+code(r.AllowedTeams))
	}
	if users := r.AllowedUsers; len(users) > 0 {
		more := ""
		if len(users) > maxNamed {
			users, more = users[:maxNamed], ", …"
		}
		who = append(who, strings.Join(users, ", ")+more)
	}
	if len(who) == 0 {
		return fmt.Sprintf("The label `%s` is reserved, and the configuration names nobody for it.", r.Label), nil
	}
	return fmt.Sprintf("The label `%s` is reserved for %s. Ask one of them.", r.Label, strings.Join(who, " and ")), nil
}
