package gate

import (
	"context"
	"regexp"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// wipTitle is a title that begins with WIP as a word of its own.
var wipTitle = regexp.MustCompile(`(?i)^\W?WIP\W`)

// WIP keeps pull requests from merging that their authors call unfinished.
func WIP() plugin.Plugin {
	return plugin.Plugin{
		Name:   "wip",
		Doc:    "Holds back what is not finished, by the label `" + prow.WIP + "`: drafts, and pull requests whose title begins with WIP, as in `WIP: faster parser`.",
		OnPull: wip,
	}
}

func wip(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	if !slices.Contains([]string{"opened", "reopened", "edited", "ready_for_review", "converted_to_draft"}, e.Action) {
		return nil
	}
	p, err := c.Pull(ctx)
	if err != nil {
		return err
	}
	want := p.Draft || wipTitle.MatchString(p.Title)
	switch have := p.HasLabel(prow.WIP); {
	case want && !have:
		return c.Forge.AddLabel(ctx, c.At, prow.WIP)
	case have && !want:
		return c.Forge.RemoveLabel(ctx, c.At, prow.WIP)
	}
	return nil
}
