package triage

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// LabelConfig is the section `label`.
type LabelConfig struct {
	// AdditionalLabels are labels that /label may add beside those of the category commands. Example: [needs-design, api-review]
	AdditionalLabels []string `json:"additional_labels,omitempty"`
	// RestrictedLabels are labels that only some people may add and remove, by "*", "org" or "org/repo"; all that apply count.
	RestrictedLabels map[string][]RestrictedLabel `json:"restricted_labels,omitempty"`
}

// RestrictedLabel is a label that only some people may add and remove.
type RestrictedLabel struct {
	// Label is the label. Example: approved-for-release
	Label string `json:"label"`
	// AllowedTeams are slugs of teams whose members may. Example: [release-managers]
	AllowedTeams []string `json:"allowed_teams,omitempty"`
	// AllowedUsers are logins of people who may. Example: [alice, bob]
	AllowedUsers []string `json:"allowed_users,omitempty"`
	// AssignOn names labels that, when they are added, have the allowed users assigned.
	AssignOn []AssignOn `json:"assign_on,omitempty"`
}

// AssignOn names a label that, when added, brings in the allowed users.
type AssignOn struct {
	// Label is the label that brings the allowed users in. Example: needs-release-approval
	Label string `json:"label"`
}

// maxNamed bounds how many allowed users a refusal names.
const maxNamed = 20

// categories are the commands that are prefixes of labels.
func categories() []string {
	return []string{"area", "committee", "kind", "language", "priority", "sig", "triage", "wg"}
}

// needs are the categories for which a label may say that one is missing.
func needs() []string { return []string{"kind", "priority", "sig", "triage"} }

type label struct {
	section *plugin.Section[LabelConfig]
}

// Label lets people set labels by commands.
func Label() plugin.Plugin {
	l := label{&plugin.Section[LabelConfig]{Key: "label", Check: checkLabel}}
	var spellings []string
	for _, x := range categories() {
		spellings = append(spellings, x, "remove-"+x)
	}
	all := strings.Join(categories(), "|")
	return plugin.Plugin{
		Name: "label",
		Doc:  "Sorts issues and pull requests by labels.",
		Commands: []plugin.Command{{
			Name: spellings[0], Aliases: spellings[1:], Args: regexp.MustCompile(`.+`), CaseSensitive: true, Closed: true, Run: l.byCategory,
			Usage: "/[remove-](" + all + ") <name>...", Who: "Anyone, except for `triage/accepted`: members of the organisation", Featured: true,
			Doc:      "Puts labels on, or takes them off: `/kind bug` is the label `kind/bug`, which the repository must have.",
			Examples: []string{"/kind bug", "/remove-area prow", "/sig testing", `/area "two words"`},
		}, {
			Name: "label", Aliases: []string{"remove-label"}, Args: regexp.MustCompile(`.+`), CaseSensitive: true, Closed: true, Run: l.byName,
			Usage: "/[remove-]label <name>", Who: "Anyone, except for reserved labels: the people and teams they are reserved for",
			Doc:      "Puts any other label on, or takes it off, that the configuration offers.",
			Examples: []string{"/label tide/merge-method-squash", "/remove-label tide/merge-method-squash"},
		}},
		OnPull:   l.onPull,
		Sections: []plugin.AnySection{l.section},
		Help:     l.help,
		Snippet: `label:
  additional_labels: [tide/merge-method-squash]
  restricted_labels:
    org/repo:
    - label: cherry-pick-approved
      allowed_teams: [release-managers]
      allowed_users: [alice]
      assign_on:
      - label: do-not-merge/cherry-pick-not-approved
`,
	}
}

func checkLabel(o *LabelConfig) error {
	for _, list := range o.RestrictedLabels {
		for _, r := range list {
			if r.Label == "" {
				return fmt.Errorf("an entry of restricted_labels names no label")
			}
		}
	}
	return nil
}

func (l label) help(cfg *config.Config, r prow.Repo) string {
	o := l.section.Of(cfg)
	var names []string
	names = append(names, o.AdditionalLabels...)
	for _, x := range o.restricted(r) {
		names = append(names, x.Label)
	}
	if len(names) == 0 {
		return "Labels can be of these kinds: " + strings.Join(categories(), ", ") + "."
	}
	return "`/label` offers: " + strings.Join(names, ", ") + "."
}

// restricted returns the restricted labels of r, those of one name united.
func (o *LabelConfig) restricted(r prow.Repo) []RestrictedLabel {
	var out []RestrictedLabel
	for _, key := range []string{"*", r.Owner, r.String()} {
		for _, x := range o.RestrictedLabels[key] {
			i := slices.IndexFunc(out, func(y RestrictedLabel) bool { return strings.EqualFold(x.Label, y.Label) })
			if i < 0 {
				out = append(out, x)
				continue
			}
			y := out[i]
			y.AllowedTeams = slices.Concat(y.AllowedTeams, x.AllowedTeams)
			y.AllowedUsers = slices.Concat(y.AllowedUsers, x.AllowedUsers)
			y.AssignOn = slices.Concat(y.AssignOn, x.AssignOn)
			out[i] = y
		}
	}
	return out
}

// names splits the rest of a line at white space, except inside double quotes.
func names(rest string) []string {
	var out []string
	for i, part := range strings.Split(rest, `"`) {
		if i%2 == 1 {
			out = append(out, strings.ToLower(strings.TrimSpace(part)))
			continue
		}
		out = append(out, strings.Fields(strings.ToLower(part))...)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

func (l label) byCategory(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	var add, remove []string
	for _, line := range lines {
		category, isRemove := strings.CutPrefix(line.Name, "remove-")
		for _, n := range names(line.Rest) {
			if isRemove {
				remove = append(remove, category+"/"+n)
			} else {
				add = append(add, category+"/"+n)
			}
		}
	}
	return l.apply(ctx, c, e.By, labelPlan{Add: add, Remove: remove})
}

func (l label) byName(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	o := l.section.Of(c.Config)
	restricted := o.restricted(c.At.Repo)
	known := func(n string) bool {
		return slices.ContainsFunc(o.AdditionalLabels, func(x string) bool { return strings.EqualFold(x, n) }) ||
			slices.ContainsFunc(restricted, func(x RestrictedLabel) bool { return strings.EqualFold(x.Label, n) })
	}
	var plan labelPlan
	for _, line := range lines {
		n := names(line.Rest)
		switch {
		case len(n) != 1:
			plan.Say = append(plan.Say, fmt.Sprintf("`/%s` takes one name; put a name with spaces in double quotes.", line.Name))
		case !known(n[0]):
			plan.Unknown = append(plan.Unknown, n[0])
		case line.Name == "label":
			plan.Add = append(plan.Add, n[0])
		default:
			plan.Remove = append(plan.Remove, n[0])
		}
	}
	return l.apply(ctx, c, e.By, plan)
}

func (l label) onPull(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	if e.Action != "labeled" {
		return nil
	}
	var people []string
	for _, r := range l.section.Of(c.Config).restricted(c.At.Repo) {
		if slices.ContainsFunc(r.AssignOn, func(a AssignOn) bool { return strings.EqualFold(a.Label, e.Label) }) {
			people = append(people, r.AllowedUsers...)
		}
	}
	if len(people) == 0 {
		return nil
	}
	slices.Sort(people)
	return c.Forge.Assign(ctx, c.At, slices.Compact(people)...)
}
