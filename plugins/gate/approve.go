package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// ApproveConfig is an entry of the section `approve`.
type ApproveConfig struct {
	// Repos are the repositories and organisations that the entry is for; the entry that names the repository itself counts. Example: [org, org/repo]
	Repos []string `json:"repos,omitempty"`
	// IssueRequired keeps a pull request from being approved until it names an issue, or an approver says /approve no-issue. Default: false
	IssueRequired bool `json:"issue_required,omitempty"`
	// RequireSelfApproval wants authors who own what they change to approve it by saying so; otherwise opening the pull request does. Default: false
	RequireSelfApproval bool `json:"require_self_approval,omitempty"`
	// LGTMActsAsApprove has /lgtm of an approver approve as well. Default: false
	LGTMActsAsApprove bool `json:"lgtm_acts_as_approve,omitempty"`
	// IgnoreReviewState has reviews not count: otherwise an approving one approves, and one that asks for changes takes that back. Default: false
	IgnoreReviewState bool `json:"ignore_review_state,omitempty"`
	// CommandHelpLink is the address of the list of commands. Default: https://go.k8s.io/bot-commands Example: https://prow.example.com/command-help
	CommandHelpLink string `json:"commandHelpLink,omitempty"`
	// ProcessLink is the address of a page that explains how changes are approved. Default: https://git.k8s.io/community/contributors/guide/owners.md#the-code-review-process Example: https://example.com/how-we-review
	ProcessLink string `json:"pr_process_link,omitempty"`
}

const (
	notification = "notification"
)

// approve is the plugin and its section.
type approve struct {
	section *plugin.Section[[]ApproveConfig]
}

// Approve lets the people of OWNERS files say that a change may go in.
func Approve() plugin.Plugin {
	a := approve{&plugin.Section[[]ApproveConfig]{Key: "approve", Check: checkApprove}}
	return plugin.Plugin{
		Name: "approve",
		Doc: "Asks the owners of each changed file for their yes. When all files have one, the label `" + prow.Approved + "` goes on; until then, " +
			"one comment says who can still give it.",
		Commands: []plugin.Command{{
			Name: "approve", Aliases: []string{"remove-approve", "lgtm", "remove-lgtm"}, Args: regexp.MustCompile(`.*`),
			Where: plugin.Pulls, Run: a.onCommand,
			Usage: "/[remove-]approve [no-issue|cancel]", Featured: true,
			Who:      "Whoever an OWNERS file names as approver of a changed file",
			Doc:      "Says yes to the files that are yours; `no-issue` also waives the linked issue, and `cancel` takes your yes back.",
			Examples: []string{"/approve", "/approve no-issue", "/approve cancel", "/remove-approve"},
		}},
		OnPull:   a.onPull,
		OnReview: a.onReview,
		Sections: []plugin.AnySection{a.section},
		Help:     a.help,
		Snippet: `approve:
- repos: [org, org/repo]
  issue_required: true
  require_self_approval: true
  lgtm_acts_as_approve: true
`,
	}
}

func checkApprove(all *[]ApproveConfig) error {
	return plugin.EachOnce(*all, func(a *ApproveConfig) []string { return a.Repos })
}

func (a approve) config(cfg *config.Config, r prow.Repo) ApproveConfig {
	var out ApproveConfig
	if x := plugin.MostSpecific(*a.section.Of(cfg), r, func(a *ApproveConfig) []string { return a.Repos }); x != nil {
		out = *x
	}
	if out.CommandHelpLink == "" {
		out.CommandHelpLink = "https://go.k8s.io/bot-commands"
	}
	if out.ProcessLink == "" {
		out.ProcessLink = "https://git.k8s.io/community/contributors/guide/owners.md#the-code-review-process"
	}
	return out
}

func (a approve) help(cfg *config.Config, r prow.Repo) string {
	if r.IsZero() {
		return ""
	}
	o := a.config(cfg, r)
	yes := func(b bool, is, isNot string) string {
		if b {
			return is
		}
		return isNot
	}
	return strings.Join([]string{
		"A linked issue is " + yes(o.IssueRequired, "", "not ") + "required.",
		"Authors approve their own pull requests " + yes(o.RequireSelfApproval, "only by saying so.", "by opening them."),
		"`/lgtm` " + yes(o.LGTMActsAsApprove, "approves too.", "does not approve."),
		"Reviews " + yes(o.IgnoreReviewState, "do not count.", "count: an approving one approves, one that asks for changes withdraws."),
	}, " ")
}

func (a approve) onCommand(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	o := a.config(c.Config, c.At.Repo)
	if !slices.ContainsFunc(lines, func(l plugin.Line) bool { return o.command(l) != nothing }) {
		return nil
	}
	if self, err := c.IsSelf(ctx, e.By); err != nil || self {
		return err
	}
	return a.evaluate(ctx, c)
}

func (a approve) onReview(ctx context.Context, c *plugin.Call, e prow.ReviewEvent) error {
	o := a.config(c.Config, c.At.Repo)
	judges := slices.Contains([]prow.ReviewState{prow.ReviewApproved, prow.ReviewChanges, prow.ReviewDismissed}, e.Review.State)
	if e.Action != "submitted" && e.Action != "dismissed" || !judges || o.IgnoreReviewState || e.Review.AuthorBot {
		return nil
	}
	if len(o.commands(e.Review.Body)) > 0 && e.Action == "submitted" {
		return nil // it comes as a comment too
	}
	if self, err := c.IsSelf(ctx, e.Review.Author); err != nil || self {
		return err
	}
	return a.evaluate(ctx, c)
}

func (a approve) onPull(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	switch e.Action {
	case "opened", "reopened", "synchronize":
	case "closed":
		return rememberGivers(ctx, c, nil)
	case "edited":
		if e.OldBase == "" && !(e.OldBody != "" && a.config(c.Config, c.At.Repo).IssueRequired) {
			return nil
		}
	case "labeled":
		if e.Label != prow.Approved || e.Pull.State == "closed" {
			return nil
		}
		if self, err := c.IsSelf(ctx, e.By); err != nil || self {
			return err
		}
	default:
		return nil
	}
	return a.evaluate(ctx, c)
}

// evaluate looks at everything anew, and brings label and comment in line.
func (a approve) evaluate(ctx context.Context, c *plugin.Call) error {
	o := a.config(c.Config, c.At.Repo)
	p, err := c.Pull(ctx)
	if err != nil {
		return err
	}
	if p.State == "closed" {
		return nil
	}
	f, comments, err := a.facts(ctx, c, o, p)
	if err != nil {
		return err
	}
	v := decideApproval(f)
	if !v.Met && f.Labelled {
		if f.ByHand, err = labelledByHand(ctx, c); err != nil {
			return err
		}
		v = decideApproval(f)
	}
	switch {
	case v.Approved && !f.Labelled:
		err = c.Forge.AddLabel(ctx, c.At, prow.Approved)
	case !v.Approved && f.Labelled:
		err = c.Forge.RemoveLabel(ctx, c.At, prow.Approved)
	}
	if err != nil {
		return fmt.Errorf("label %s of %s: %w", prow.Approved, c.At, err)
	}
	if err := rememberGivers(ctx, c, v.givers()); err != nil {
		return err
	}
	return notify(ctx, c, f.Self, v.text(), comments)
}

// rememberGivers keeps who may approve, for pages and status; nobody forgets it.
func rememberGivers(ctx context.Context, c *plugin.Call, people []string) error {
	var value []byte
	if len(people) > 0 {
		var err error
		if value, err = json.Marshal(people); err != nil {
			return err
		}
	}
	if err := c.Memory.Save(ctx, prow.GiversName(c.At, prow.Approved), value); err != nil {
		return fmt.Errorf("who may approve %s: %w", c.At, err)
	}
	return nil
}

// facts collects what the decision needs, and returns the comments it saw.
func (a approve) facts(ctx context.Context, c *plugin.Call, o ApproveConfig, p *prow.Pull) (approvalFacts, []prow.Comment, error) {
	f := approvalFacts{
		ID: c.At, Options: o, Base: p.Base, Author: p.Author, Assignees: p.Assignees, Body: p.Body, URL: p.URL,
		Labelled: p.HasLabel(prow.Approved), LinkURL: c.Config.GitHub.LinkURL,
	}
	var err error
	if f.Self, err = c.Forge.Self(ctx); err != nil {
		return f, nil, fmt.Errorf("who the bot is: %w", err)
	}
	if f.Files, err = c.Forge.Files(ctx, c.At); err != nil {
		return f, nil, fmt.Errorf("files of %s: %w", c.At, err)
	}
	comments, err := c.Forge.Comments(ctx, c.At)
	if err != nil {
		return f, nil, fmt.Errorf("comments of %s: %w", c.At, err)
	}
	onLines, err := c.Forge.ReviewComments(ctx, c.At)
	if err != nil {
		return f, nil, fmt.Errorf("review comments of %s: %w", c.At, err)
	}
	reviews, err := c.Forge.Reviews(ctx, c.At)
	if err != nil {
		return f, nil, fmt.Errorf("reviews of %s: %w", c.At, err)
	}
	f.Said = gatherSaid(onLines, comments, reviews)
	f.Owners, err = c.Owners.At(ctx, c.Config, c.At.Repo, p.Base)
	return f, comments, err
}

// labelledByHand reports whether a person set the label last.
func labelledByHand(ctx context.Context, c *plugin.Call) (bool, error) {
	changes, err := c.Forge.LabelChanges(ctx, c.At)
	if err != nil {
		return false, fmt.Errorf("history of %s: %w", c.At, err)
	}
	by := ""
	for _, x := range changes {
		if x.Added && x.Label == prow.Approved {
			by = x.By
		}
	}
	if by == "" {
		return false, nil
	}
	self, err := c.IsSelf(ctx, by)
	return !self, err
}

// notify keeps one comment, and removes those of an earlier bot.
func notify(ctx context.Context, c *plugin.Call, self, text string, comments []prow.Comment) error {
	same := false
	for _, x := range comments {
		switch {
		case !isNotification(x.Body) || !plugin.SameBot(self, x.Author):
		case c.Kept(notification, x.Body):
			same = strings.Contains(x.Body, text)
		default:
			if err := c.Forge.DeleteComment(ctx, c.At.Repo, x.ID); err != nil {
				return fmt.Errorf("delete comment %d of %s: %w", x.ID, c.At, err)
			}
		}
	}
	if same {
		return nil
	}
	return c.Keep(ctx, notification, text)
}

func isNotification(body string) bool {
	const name = "[APPROVALNOTIFIER]"
	return len(body) >= len(name) && strings.EqualFold(body[:len(name)], name)
}
