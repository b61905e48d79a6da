package plugin

import (
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Hears reports whether cmd obeys commands written in e: by its action, by the
// state and kind of what it was said on.
func (cmd *Command) Hears(e prow.CommentEvent) bool {
	switch {
	case e.Action != prow.Created && !(cmd.Edited && e.Action == prow.Edited):
		return false
	case !cmd.Closed && e.Issue.State != "open":
		return false
	}
	return cmd.Where == Anywhere || (cmd.Where == Pulls) == e.Issue.IsPull
}

// Among returns the lines that are cmd's, in their order.
func (cmd *Command) Among(lines []Line) []Line {
	var out []Line
	for _, l := range lines {
		if cmd.named(l.Name) && cmd.takes(l.Rest) {
			out = append(out, l)
		}
	}
	return out
}

func (cmd *Command) named(name string) bool {
	same := func(n string) bool { return n == name || !cmd.CaseSensitive && strings.EqualFold(n, name) }
	return same(cmd.Name) || slices.ContainsFunc(cmd.Aliases, same)
}

func (cmd *Command) takes(rest string) bool {
	if cmd.Args == nil {
		return rest == ""
	}
	re := *cmd.Args
	re.Longest() // so that a whole match is found where there is one
	at := re.FindStringIndex(rest)
	return at != nil && at[0] == 0 && at[1] == len(rest)
}
