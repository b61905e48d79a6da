package review

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// Assign assigns people and asks for reviews.
func Assign() plugin.Plugin {
	return plugin.Plugin{
		Name: "assign",
		Doc:  "Brings the right people to an issue or pull request.",
		Commands: []plugin.Command{{
			Name: "assign", Aliases: []string{"unassign"}, Args: regexp.MustCompile(`(@?[-\w]+(\s+@?[-\w]+)*)?`),
			Closed: true, Run: assign,
			Usage: "/[un]assign [login...]", Who: "Anyone", Featured: true,
			Doc:      "Hands the work to people, or to you when you name nobody; they are members, collaborators, or have commented here.",
			Examples: []string{"/assign", "/unassign", "/assign @alice bob", "/unassign @alice"},
		}, {
			Name: "cc", Aliases: []string{"uncc"}, Args: regexp.MustCompile(`(@?[-/\w]+(\s+@?[-/\w]+)*)?`),
			Where: plugin.Pulls, Closed: true, Run: cc,
			Usage: "/[un]cc [login or org/team...]", Who: "Anyone",
			Doc:      "Asks people or teams for a review, or you when you name nobody; they need access to the repository.",
			Examples: []string{"/cc", "/uncc", "/cc @alice", "/cc @org/team", "/uncc @alice"},
		}},
	}
}

// wishes sorts what lines ask for into those to add and those to remove. The
// last word about somebody counts.
func wishes(lines []plugin.Line, addWord, by string) (add, remove []string) {
	last := map[string]bool{}
	for _, l := range lines {
		names := strings.Fields(l.Rest)
		if len(names) == 0 {
			names = []string{by}
		}
		for _, n := range names {
			last[prow.NormLogin(n)] = strings.EqualFold(l.Name, addWord)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(last)) {
		if last[n] {
			add = append(add, n)
		} else {
			remove = append(remove, n)
		}
	}
	return add, remove
}

func assign(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	add, remove := wishes(lines, "assign", e.By)
	if err := take(ctx, c, "unassign", remove, c.Forge.Unassign); err != nil {
		return err
	}
	failed, err := give(ctx, c, add, c.Forge.Assign)
	if err != nil || len(failed) == 0 {
		return err
	}
	return c.Reply(ctx, fmt.Sprintf("this did not work for %s.\n\nThe forge assigns ten people at most: members of %s, collaborators of the repository, and those who "+
		"have commented here. Let them comment first, then say it again.", strings.Join(failed, ", "), c.At.Repo.Owner))
}

func cc(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	add, remove := wishes(lines, "cc", e.By)
	if err := take(ctx, c, "uncc", remove, c.Forge.UnaskReview); err != nil {
		return err
	}
	var strangers []string
	add = slices.DeleteFunc(add, func(n string) bool {
		org, _, isTeam := strings.Cut(n, "/")
		if !isTeam || strings.EqualFold(org, c.At.Repo.Owner) && strings.Count(n, "/") == 1 {
			return false
		}
		strangers = append(strangers, n)
		return true
	})
	failed, err := give(ctx, c, add, c.Forge.AskReview)
	if failed = append(failed, strangers...); err != nil || len(failed) == 0 {
		return err
	}
	return c.Reply(ctx, fmt.Sprintf("this did not work for %s.\n\nA review can be asked of people and teams of %s who have access to the repository, "+
		"but not of the author. Check how the names are written.", strings.Join(failed, ", "), c.At.Repo.Owner))
}

type peopleFunc func(ctx context.Context, id prow.IssueID, logins ...string) error

// give returns the people the forge could not add.
func give(ctx context.Context, c *plugin.Call, logins []string, do peopleFunc) ([]string, error) {
	if len(logins) == 0 {
		return nil, nil
	}
	err := do(ctx, c.At, logins...)
	var people *prow.PeopleError
	if errors.As(err, &people) {
		return people.Logins, nil
	}
	return nil, err
}

// take removes people. That somebody was not there is worth a line in the log
// and no comment.
func take(ctx context.Context, c *plugin.Call, what string, logins []string, do peopleFunc) error {
	failed, err := give(ctx, c, logins, do)
	if len(failed) > 0 {
		c.Log.Info("people could not be removed", "command", what, "logins", failed)
	}
	return err
}
