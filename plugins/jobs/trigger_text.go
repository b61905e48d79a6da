package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/trigger"
)

// originals are sentences by which the original's answers to /test ? are
// recognised, so that they go when a new one comes.
func originals() []string {
	return []string{
		"The following commands are available to trigger required jobs:",
		"The following commands are available to trigger optional jobs:",
		"Use `/test all` to run", "No presubmit jobs available for ",
	}
}

// helpMark marks an answer to /test ? and names the delivery it answers.
func helpMark(delivery string) string { return "<!-- test-help " + delivery + " -->" }

// isOldHelp recognises answers to /test ? but that to the delivery.
func isOldHelp(delivery string) func(prow.Comment) bool {
	return func(x prow.Comment) bool {
		if strings.Contains(x.Body, helpMark(delivery)) {
			return false
		}
		return slices.ContainsFunc(append(originals(), "<!-- test-help "), func(s string) bool { return strings.Contains(x.Body, s) })
	}
}

// helpText explains what can be asked for.
func helpText(jobs []config.Presubmit, r prow.Repo, branch, reason, delivery string) string {
	o := trigger.Help(jobs, branch)
	if o.Empty() {
		return fmt.Sprintf("There are no jobs to ask for on branch `%s` of %s.\n%s", branch, r, helpMark(delivery))
	}
	var b strings.Builder
	if !strings.HasPrefix(reason, "The following") {
		b.WriteString(reason + "\n\n")
	}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s\n```\n%s\n```\n\n", title, strings.Join(lines, "\n"))
		}
	}
	list("These start jobs that have to succeed before a merge:", o.Required)
	list("These start optional jobs:", o.Optional)
	switch {
	case o.All:
		b.WriteString("`/test all` starts all of them.\n")
	case len(o.Automatic) > 0:
		list("`/test all` starts those that also run unasked:", o.Automatic)
	}
	b.WriteString(helpMark(delivery))
	return b.String()
}

const joinPlaceholder = "{join_org_url}"

// welcome greets somebody whose change has to be looked at before it is tested.
func (x *change) welcome(ctx context.Context, c *plugin.Call) error {
	if !x.trigger.IgnoreOKToTest && !x.HasLabel(prow.OKToTest) {
		if err := c.Forge.AddLabel(ctx, c.At, prow.NeedsOKToTest); err != nil {
			return fmt.Errorf("label %s of %s: %w", prow.NeedsOKToTest, c.At, err)
		}
	}
	if err := x.load(ctx, c); err != nil {
		return err
	}
	if len(x.jobs.Presubmits) == 0 {
		return nil // there is nothing to allow
	}
	return c.Note(ctx, noteWelcome, x.welcomeText(c, x.prominent(ctx, c)))
}

func (x *change) welcomeText(c *plugin.Call, prominent bool) string {
	org, t := c.At.Repo.Owner, x.trigger
	join := t.JoinOrgURL
	if join == "" {
		of := org
		if t.TrustedOrg != "" {
			of = t.TrustedOrg
		}
		join = fmt.Sprintf("https://github.com/orgs/%s/people", of)
	}
	more := ""
	if !t.OnlyOrgMembers {
		more = " or a collaborator of this repository"
	}
	var b strings.Builder
	if t.IgnoreOKToTest {
		fmt.Fprintf(&b, "Welcome, @%s, and thank you for this change.\n\nJobs run for it when somebody trusted asks, for example a member of %s%s, by `/test all`. `/ok-to-test` has no meaning in this repository, so each push has to be asked for again.\n\n", x.Author, org, more)
	} else {
		fmt.Fprintf(&b, "Welcome, @%s, and thank you for this change.\n\nBefore jobs run for it, a member of %s%s has a look and comments `/ok-to-test`; from then on each push is tested. Until then they can start single jobs by `/test`.\n\n", x.Author, org, more)
	}
	switch {
	case prominent && t.OrgInvite.Prominent.Message != "":
		b.WriteString(strings.ReplaceAll(t.OrgInvite.Prominent.Message, joinPlaceholder, join))
	case prominent:
		fmt.Fprintf(&b, "> [!TIP]\n> Changes of yours were merged in %s before. [Become a member](%s), and yours are tested at once.", org, join)
	default:
		fmt.Fprintf(&b, "If you are here often, [become a member](%s), and your changes are tested at once.", join)
	}
	fmt.Fprintf(&b, "\n\nWhat you can say to me is listed [here](%s).", c.CommandsURL())
	return b.String()
}

// prominent reports whether the author has had enough changes merged to be
// invited in earnest. A search that fails invites as usual.
func (x *change) prominent(ctx context.Context, c *plugin.Call) bool {
	o := x.trigger.OrgInvite.Prominent
	if o.Disabled || x.AuthorIsBot {
		return false
	}
	need := 3
	if o.MergedPRThreshold != nil {
		need = *o.MergedPRThreshold
	}
	n := 0
	if need <= 0 {
		return true
	}
	for _, err := range c.Forge.FindPulls(ctx, prow.Query{State: "merged", Orgs: []string{c.At.Repo.Owner}, Author: x.Author}) {
		if err != nil {
			c.Log.Warn("merged pull requests could not be counted", "login", x.Author, "error", err)
			return false
		}
		if n++; n >= need {
			return true
		}
	}
	return false
}

// fence puts text into a code block that nothing in it can end.
func fence(text string) string {
	bars := "```"
	for strings.Contains(text, bars) {
		bars += "`"
	}
	return bars + "\n" + strings.TrimRight(text, "\n") + "\n" + bars
}
