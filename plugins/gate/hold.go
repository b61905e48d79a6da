package gate

import (
	"context"
	"regexp"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// Hold keeps a pull request from merging until someone takes it back.
func Hold() plugin.Plugin {
	return plugin.Plugin{
		Name: "hold",
		Doc:  "Lets anyone stop a merge for a while, by the label `" + prow.Hold + "`.",
		Commands: []plugin.Command{{
			Name: "hold", Aliases: []string{"unhold", "remove-hold"}, Args: regexp.MustCompile(`.*`),
			Where: plugin.Pulls, Closed: true, Run: hold,
			Usage: "/hold [cancel]", Who: "Anyone", Featured: true,
			Doc:      "Stops this pull request from merging, whatever else it has; `cancel` lets it go.",
			Examples: []string{"/hold", "/hold until the release", "/hold cancel", "/unhold", "/remove-hold"},
		}},
	}
}

func hold(ctx context.Context, c *plugin.Call, _ prow.CommentEvent, lines []plugin.Line) error {
	for _, l := range lines {
		if letsGo(l) { // wins, wherever it stands
			return c.Forge.RemoveLabel(ctx, c.At, prow.Hold)
		}
	}
	return c.Forge.AddLabel(ctx, c.At, prow.Hold)
}

func letsGo(l plugin.Line) bool {
	words := strings.Fields(l.Rest)
	return !strings.EqualFold(l.Name, "hold") || len(words) > 0 && strings.EqualFold(words[0], "cancel")
}
