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

// Sentences by which earlier answers to /test ? are recognised, the original's
// too.
const (
	helpRequired = "The following commands are available to trigger required jobs:"
	helpOptional = "The following commands are available to trigger optional jobs:"
	helpAll      = "Use `/test all` to run"
	helpNothing  = "No presubmit jobs available for "
)

// helpMark marks an answer to /test ? and names the delivery it answers.
func helpMark(delivery string) string { return "<!-- test-help " + delivery + " -->" }

// isOldHelp recognises answers to /test ? but that to the delivery.
func isOldHelp(delivery string) func(prow.Comment) bool {
	return func(x prow.Comment) bool {
		if strings.Contains(x.Body, helpMark(delivery)) {
			return false
		}
		return slices.ContainsFunc([]string{helpRequired, helpOptional, helpAll, helpNothing, "<!-- test-help "}, func(s string) bool { return strings.Contains(x.Body, s) })
	}
}

// helpText explains what can be asked for.
func helpText(jobs []config.Presubmit, r prow.Repo, branch, reason, delivery string) string {
	o := trigger.Help(jobs, branch)
	if o.Empty() {
		return fmt.Sprintf("%s%s@%s.\n%s", helpNothing, r, branch, helpMark(delivery))
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
	list(helpRequired, o.Required)
	list(helpOptional, o.Optional)
	switch {
	case o.All:
		b.WriteString(helpAll + " all jobs.\n")
	case len(o.Automatic) > 0:
		list(helpAll+" the following jobs that were automatically triggered:", o.Automatic)
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
		fmt.Fprintf(&b, "Hi @%s. Thanks for your PR.\n\nPRs from untrusted users cannot be marked as trusted with `/ok-to-test` in this repo. Somebody trusted, for example a member of %s%s, can start the tests of this commit with `/test all`.\n\n", x.Author, org, more)
	} else {
		fmt.Fprintf(&b, "Hi @%s. Thanks for your PR.\n\nI'm waiting for a member of %s%s to verify that this patch is reasonable to test. If it is, they should reply with `/ok-to-test` on its own line. Until that is done, I will not automatically test new commits in this PR, but the usual testing commands by people who are trusted still work.\n\n", x.Author, org, more)
	}
	switch {
	case prominent && t.OrgInvite.Prominent.Message != "":
		b.WriteString(strings.ReplaceAll(t.OrgInvite.Prominent.Message, joinPlaceholder, join))
	case prominent:
		fmt.Fprintf(&b, "> [!TIP]\n> Several of your pull requests were merged in %s already: you are welcome to [join the org](%s), so that you can skip this step.", org, join)
	default:
		fmt.Fprintf(&b, "Regular contributors should [join the org](%s) to skip this step.", join)
	}
	fmt.Fprintf(&b, "\n\nThe commands I understand are listed [here](%s).", c.CommandsURL())
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
