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
		return fmt.Sprintf("Branch `%s` of %s has no jobs to ask for.\n%s", branch, r, helpMark(delivery))
	}
	var b strings.Builder
	b.WriteString(reason + "\n\n")
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s\n```\n%s\n```\n\n", title, strings.Join(lines, "\n"))
		}
	}
	list("A merge needs these jobs:", o.Required)
	list("These are optional:", o.Optional)
	switch {
	case o.All:
		b.WriteString("`/test all` runs every one of them.\n")
	case len(o.Automatic) > 0:
		list("`/test all` runs those that also start by themselves:", o.Automatic)
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
		join = c.ForgeURL("/orgs/" + of + "/people")
	}
	more := ""
	if !t.OnlyOrgMembers {
		more = " or a collaborator of this repository"
	}
	var b strings.Builder
	if t.IgnoreOKToTest {
		fmt.Fprintf(&b, "Welcome, @%s, and thank you for this change!\n\nIts jobs run when a member of %s%s comments `/test all`. Each push has to be asked for again, since `/ok-to-test` does nothing in this repository.\n\n", x.Author, org, more)
	} else {
		fmt.Fprintf(&b, "Welcome, @%s, and thank you for this change!\n\nFirst, a member of %s%s has a look and comments `/ok-to-test`. From then on, jobs run at every push. There is nothing you have to do until then; they can also start single jobs with `/test`.\n\n", x.Author, org, more)
	}
	switch {
	case prominent && t.OrgInvite.Prominent.Message != "":
		b.WriteString(strings.ReplaceAll(t.OrgInvite.Prominent.Message, joinPlaceholder, join))
	case prominent:
		fmt.Fprintf(&b, "> [!TIP]\n> You have had changes merged in %s before: [become a member](%s), and jobs run for yours at once.", org, join)
	default:
		fmt.Fprintf(&b, "Here more often? [Become a member](%s), and jobs run for your changes at once.", join)
	}
	fmt.Fprintf(&b, "\n\n[All that you can say to me](%s).", c.CommandsURL())
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
