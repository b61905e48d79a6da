package triage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

const (
	helpWanted     = "help wanted"
	goodFirstIssue = "good first issue"
)

// HelpConfig is the section `help`.
type HelpConfig struct {
	// GuidelinesURL is the address of the page that says what makes an issue fit for helpers. Example: https://example.com/help
	GuidelinesURL string `json:"help_guidelines_url,omitempty"`
	// GuidelinesSummary stands below the answer: the guidelines in a few words. Example: Please say what has to be done and where.
	GuidelinesSummary string `json:"help_guidelines_summary,omitempty"`
}

type help struct {
	section *plugin.Section[HelpConfig]
}

// Help marks issues that wait for somebody to take them.
func Help() plugin.Plugin {
	h := help{&plugin.Section[HelpConfig]{Key: "help", Check: func(o *HelpConfig) error {
		if o.GuidelinesURL == "" {
			o.GuidelinesURL = "https://git.k8s.io/community/contributors/guide/help-wanted.md"
		}
		return nil
	}}}
	return plugin.Plugin{
		Name: "help",
		Doc:  "Shows people where they can join in, by the labels `" + helpWanted + "` and `" + goodFirstIssue + "`.",
		Commands: []plugin.Command{{
			Name: "help", Aliases: []string{"remove-help", "good-first-issue", "remove-good-first-issue"},
			Where: plugin.Issues, Run: h.run,
			Usage: "/[remove-]help or /[remove-]good-first-issue", Who: "Anyone", Featured: true,
			Doc:      "Says that an issue is free to take, or a good one to begin with; `remove-` takes that back.",
			Examples: []string{"/help", "/remove-help", "/good-first-issue", "/remove-good-first-issue"},
		}},
		Sections: []plugin.AnySection{h.section},
		Snippet: `help:
  help_guidelines_url: https://example.com/help
  help_guidelines_summary: Please say what has to be done and where.
`,
	}
}

// helpStep is what has to be done with one label.
type helpStep struct {
	label string
	add   bool
}

// helpSteps finds the first rule that applies.
func helpSteps(lines []plugin.Line, labels *prow.Issue) []helpStep {
	said := func(name string) bool {
		return slices.ContainsFunc(lines, func(l plugin.Line) bool { return strings.EqualFold(l.Name, name) })
	}
	wanted, first := labels.HasLabel(helpWanted), labels.HasLabel(goodFirstIssue)
	switch {
	case said("remove-help") && wanted:
		return []helpStep{{helpWanted, false}, {goodFirstIssue, false}}
	case said("good-first-issue") && !first:
		return []helpStep{{goodFirstIssue, true}, {helpWanted, true}}
	case said("help") && !wanted:
		return []helpStep{{helpWanted, true}}
	case said("remove-good-first-issue") && first:
		return []helpStep{{goodFirstIssue, false}}
	}
	return nil
}

func (h help) run(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	issue, err := c.Forge.Issue(ctx, c.At)
	if err != nil {
		return fmt.Errorf("issue %s: %w", c.At, err)
	}
	steps := helpSteps(lines, issue)
	for i, s := range steps {
		switch {
		case !s.add:
			if err = c.Forge.RemoveLabel(ctx, c.At, s.label); err == nil {
				err = c.Unnote(ctx, s.label)
			}
		default:
			// the comment comes first: with the label there, another try would
			// find nothing to do
			if i == 0 {
				err = c.Note(ctx, s.label, h.text(c, s.label, e.By))
			}
			if err == nil {
				err = c.Forge.AddLabel(ctx, c.At, s.label)
			}
		}
		if err != nil {
			return fmt.Errorf("label %s of %s: %w", s.label, c.At, err)
		}
	}
	return nil
}

func (h help) text(c *plugin.Call, label, by string) string {
	o := h.section.Of(c.Config)
	what, remove, link := "is free to take", "/remove-help", o.GuidelinesURL
	if label == goodFirstIssue {
		what, remove, link = "is a good one to begin with", "/remove-good-first-issue", o.GuidelinesURL+"#good-first-issue"
	}
	text := fmt.Sprintf("@%s: this issue now says that it %s. Please check that it has [all that such an issue needs](%s).", by, what, link)
	if o.GuidelinesSummary != "" {
		text += "\n\n" + o.GuidelinesSummary
	}
	return text + fmt.Sprintf("\n\nIf not, `%s` takes the label off again.", remove)
}
