package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// OverrideConfig is the section `override`.
type OverrideConfig struct {
	// AllowTopLevelOwners lets the approvers of the OWNERS file at the top of the repository override as well. Default: false
	AllowTopLevelOwners bool `json:"allow_top_level_owners,omitempty"`
	// AllowedGitHubTeams are slugs of teams whose members may override, by "org/repo" or "org". Example: {org/repo: [release-managers]}
	AllowedGitHubTeams map[string][]string `json:"allowed_github_teams,omitempty"`
}

type override struct {
	section *plugin.Section[OverrideConfig]
}

// Override lets a few people call a failed result good.
func Override() plugin.Plugin {
	o := override{&plugin.Section[OverrideConfig]{Key: "override"}}
	return plugin.Plugin{
		Name: "override",
		Doc:  "Lets a few people call a failed result good, so that it does not hold up a merge.",
		Commands: []plugin.Command{{
			Name: "override", Aliases: []string{"override-sticky", "override-cancel"}, Args: regexp.MustCompile(`.*`),
			Where: plugin.Pulls, Run: o.run,
			Usage: "/override[-sticky] <context>... or /override-cancel [<context>...]",
			Who:   "Administrators, and the teams and owners that the configuration adds",
			Doc: "Turns the results you name green; with `-sticky` they stay green when the base branch moves, and `-cancel` turns them red again. " +
				"Put a name with spaces in double quotes.",
			Examples: []string{"/override pull-unit-test", `/override "test / unit" ci/other`, "/override-sticky pull-slow-test", "/override-cancel"},
		}},
		Sections: []plugin.AnySection{o.section},
		Help: func(cfg *config.Config, r prow.Repo) string {
			if r.IsZero() {
				return ""
			}
			return "Who may override here: " + o.whoMay(cfg, r) + "."
		},
		Snippet: `override:
  allow_top_level_owners: true
  allowed_github_teams:
    org/repo: [release-managers]
`,
	}
}

// orders is what a comment asks for.
type orders struct {
	cancel      bool
	cancelNames []string // none: all
	sticky      []string
	plain       []string
	empty       string // the command that lacks a name
}

func readOrders(lines []plugin.Line) orders {
	var o orders
	all := false
	for _, l := range lines {
		names := words(l.Rest)
		switch strings.ToLower(l.Name) {
		case "override-cancel":
			o.cancel, all = true, all || len(names) == 0
			o.cancelNames = append(o.cancelNames, names...)
			continue
		case "override-sticky":
			o.sticky = append(o.sticky, names...)
		default:
			o.plain = append(o.plain, names...)
		}
		if len(names) == 0 {
			o.empty = l.Name
		}
	}
	if all {
		o.cancelNames = nil
	}
	return o
}

// words splits at white space, except inside double quotes.
func words(s string) []string {
	var out []string
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			out = append(out, strings.TrimSpace(part))
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return slices.DeleteFunc(out, func(w string) bool { return w == "" })
}

func (o override) run(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	orders := readOrders(lines)
	if orders.empty != "" {
		return prow.Refuse("say which result, for example `/%s pull-unit-test`.", orders.empty)
	}
	x, err := look(ctx, c)
	if err != nil || x.State != "open" {
		return err
	}
	ok, err := o.may(ctx, c, x, e.By)
	if err != nil {
		return err
	}
	if !ok {
		return prow.Refuse("you cannot override results here. Ask one of these: %s.", o.whoMay(c.Config, c.At.Repo))
	}
	if err := x.load(ctx, c); err != nil {
		return err
	}
	r, err := x.results(ctx, c, e.URL)
	if err != nil {
		return err
	}
	if orders.cancel {
		if err := r.cancel(ctx, c, e, orders.cancelNames); err != nil {
			return err
		}
	}
	if len(orders.sticky)+len(orders.plain) == 0 {
		return nil
	}
	if unknown := r.unknown(slices.Concat(orders.sticky, orders.plain)); len(unknown) > 0 {
		return prow.Refuse("nothing was changed, since this commit has no failed result or job with the name\n%s\n%s", list(unknown), choice(r.known()))
	}
	return r.override(ctx, c, e, orders)
}

// choice says what there is to override.
func choice(names []string) string {
	if len(names) == 0 {
		return "None of its results is in the way."
	}
	return "You can choose from:\n" + list(names)
}

// list writes names as a list in which nothing is markup.
func list(names []string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "- `%s`\n", strings.ReplaceAll(n, "`", "'"))
	}
	return b.String()
}

// may reports whether login may override here.
func (o override) may(ctx context.Context, c *plugin.Call, x *change, login string) (bool, error) {
	p, err := c.Forge.Permission(ctx, c.At.Repo, login)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("permission of %s in %s: %w", login, c.At.Repo, err)
	}
	if p == "admin" {
		return true, nil
	}
	is := func(x string) bool { return prow.NormLogin(x) == prow.NormLogin(login) }
	s := o.section.Of(c.Config)
	for _, team := range s.teams(c.At.Repo) {
		members, err := c.Forge.Team(ctx, c.At.Repo.Owner, team)
		if errors.Is(err, fs.ErrNotExist) {
			c.Log.Warn("team that may override does not exist", "team", team)
			continue
		}
		if err != nil {
			return false, fmt.Errorf("team %s of %s: %w", team, c.At.Repo.Owner, err)
		}
		if slices.ContainsFunc(members, is) {
			return true, nil
		}
	}
	if !s.AllowTopLevelOwners {
		return false, nil
	}
	owners, err := c.Owners.At(ctx, c.Config, c.At.Repo, x.Base)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(owners.TopLevel(), is), nil
}

func (s *OverrideConfig) teams(r prow.Repo) []string {
	return slices.Concat(s.AllowedGitHubTeams[r.String()], s.AllowedGitHubTeams[r.Owner])
}

func (o override) whoMay(cfg *config.Config, r prow.Repo) string {
	s := o.section.Of(cfg)
	who := "administrators of " + r.String()
	if s.AllowTopLevelOwners {
		who += ", approvers in its top level OWNERS file"
	}
	if teams := s.teams(r); len(teams) > 0 {
		who += ", and the GitHub teams " + strings.Join(teams, ", ")
	}
	return who
}
