package gate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/owners"
	"github.com/prow-ci/prow/plugin"
)

// LGTMConfig is an entry of the section `lgtm`.
type LGTMConfig struct {
	// Repos are the repositories and organisations that the entry is for; the entry that names the repository itself counts. Example: [org, org/repo]
	Repos []string `json:"repos,omitempty"`
	// ReviewActsAsLGTM has an approving review say /lgtm, and one that asks for changes take it back. Default: false
	ReviewActsAsLGTM bool `json:"review_acts_as_lgtm,omitempty"`
	// StoreTreeHash keeps the label on a push that leaves the files as they were, such as a rebase. Default: false
	StoreTreeHash bool `json:"store_tree_hash,omitempty"`
	// StickyTeam is the slug of a team whose members keep the label when they push more. Example: maintainers
	StickyTeam string `json:"trusted_team_for_sticky_lgtm,omitempty"`
}

// treeHash finds the tree that a comment says was looked at. The original
// writes and reads the same form.
var treeHash = regexp.MustCompile(`<details>Git tree hash: ([0-9a-f]+)</details>`)

// removedBefore finds the original's comment that new commits removed the label.
var removedBefore = regexp.MustCompile(`^New changes are detected\. LGTM label has been removed\.`)

const removedNote = "removed"

type lgtm struct {
	section *plugin.Section[[]LGTMConfig]
}

// LGTM lets reviewers say that a change looks good to them.
func LGTM() plugin.Plugin {
	l := lgtm{&plugin.Section[[]LGTMConfig]{Key: "lgtm", Check: func(all *[]LGTMConfig) error {
		return plugin.EachOnce(*all, func(l *LGTMConfig) []string { return l.Repos })
	}}}
	return plugin.Plugin{
		Name: "lgtm",
		Doc:  "Lets reviewers say that a change looks good, by the label `" + prow.LGTM + "`. New commits take it away.",
		Commands: []plugin.Command{{
			Name: "lgtm", Aliases: []string{"remove-lgtm"}, Args: regexp.MustCompile(`(?i)|cancel|no-issue`),
			Where: plugin.Pulls, Run: l.onCommand,
			Usage: "/lgtm [cancel] or /remove-lgtm", Featured: true,
			Who:      "Collaborators, or with `owners.skip_collaborators` the owners of a changed file; authors can only take it back",
			Doc:      "Says that you looked at the change and it may go in; `cancel` takes that back.",
			Examples: []string{"/lgtm", "/lgtm cancel", "/remove-lgtm"},
		}},
		OnPull:   l.onPull,
		OnReview: l.onReview,
		Sections: []plugin.AnySection{l.section},
		Help:     l.help,
		Snippet: `lgtm:
- repos: [org, org/repo]
  review_acts_as_lgtm: true
  store_tree_hash: true
  trusted_team_for_sticky_lgtm: maintainers
`,
	}
}

func (l lgtm) config(cfg *config.Config, r prow.Repo) LGTMConfig {
	if x := plugin.MostSpecific(*l.section.Of(cfg), r, func(l *LGTMConfig) []string { return l.Repos }); x != nil {
		return *x
	}
	return LGTMConfig{}
}

func (l lgtm) help(cfg *config.Config, r prow.Repo) string {
	o := l.config(cfg, r)
	var out []string
	if o.ReviewActsAsLGTM {
		out = append(out, "A review on GitHub speaks too: approving is `/lgtm`, asking for changes is `/lgtm cancel`.")
	}
	if o.StoreTreeHash {
		out = append(out, "A rebase or squash that leaves the content as it is leaves the label too.")
	}
	if o.StickyTeam != "" {
		out = append(out, fmt.Sprintf("Members of the team %s keep the label when they push more.", o.StickyTeam))
	}
	return strings.Join(out, " ")
}

// opinion is what somebody wishes for the label.
type opinion struct {
	by   string
	good bool
	of   string // the commit, where it is known
}

func (l lgtm) onCommand(ctx context.Context, c *plugin.Call, e prow.CommentEvent, lines []plugin.Line) error {
	good := slices.ContainsFunc(lines, saysGood)
	return l.decide(ctx, c, opinion{by: e.By, good: good})
}

// speaks reports whether l is one of the plugin's commands.
func speaks(l plugin.Line) bool {
	name, rest := strings.ToLower(l.Name), strings.ToLower(l.Rest)
	return (name == "lgtm" || name == "remove-lgtm") && slices.Contains([]string{"", "cancel", "no-issue"}, rest)
}

func saysGood(l plugin.Line) bool {
	return strings.EqualFold(l.Name, "lgtm") && !strings.EqualFold(l.Rest, "cancel")
}

func (l lgtm) onReview(ctx context.Context, c *plugin.Call, e prow.ReviewEvent) error {
	judges := e.Review.State == prow.ReviewApproved || e.Review.State == prow.ReviewChanges
	if e.Action != "submitted" || !judges || e.Review.AuthorBot || !l.config(c.Config, c.At.Repo).ReviewActsAsLGTM {
		return nil
	}
	if slices.ContainsFunc(plugin.Lines(e.Review.Body), speaks) {
		return nil // it comes as a comment too
	}
	if self, err := c.IsSelf(ctx, e.Review.Author); err != nil || self {
		return err
	}
	return l.decide(ctx, c, opinion{by: e.Review.Author, good: e.Review.State == prow.ReviewApproved, of: e.Review.SHA})
}

// decide grants or refuses an opinion.
func (l lgtm) decide(ctx context.Context, c *plugin.Call, o opinion) error {
	p, err := c.Pull(ctx)
	if err != nil {
		return err
	}
	if p.State != "open" {
		return nil
	}
	if o.good && o.of != "" && o.of != p.HeadSHA {
		c.Did("left the review out: it is of %s, and the head is %s", o.of, p.HeadSHA)
		return nil
	}
	isAuthor := prow.NormLogin(o.by) == prow.NormLogin(p.Author)
	switch {
	case isAuthor && o.good:
		return prow.Refuse("your own change needs the `/lgtm` of somebody else. Ask for it with `/cc` and their name.")
	case isAuthor:
	default:
		if err := l.permit(ctx, c, p, o); err != nil {
			return err
		}
	}
	return l.set(ctx, c, p, o.good)
}

// permit returns a refusal if the person has no say here, and assigns them if
// they have one as a collaborator.
func (l lgtm) permit(ctx context.Context, c *plugin.Call, p *prow.Pull, o opinion) error {
	ok, err := permitted(ctx, c, p, o.by)
	if err != nil {
		return err
	}
	byOwners := config.Listed(c.Config.Plugins.Owners.SkipCollaborators, c.At.Repo)
	switch {
	case !ok && byOwners:
		return prow.Refuse("here `lgtm` is given and taken by those whom OWNERS files name for a changed file. Ask one of them with `/cc` and their name.")
	case !ok:
		return prow.Refuse("here `lgtm` is given and taken by collaborators of %s. Ask one of them with `/cc` and their name.", c.At.Repo)
	case byOwners || slices.ContainsFunc(p.Assignees, func(a string) bool { return prow.NormLogin(a) == prow.NormLogin(o.by) }):
		return nil
	}
	if err := c.Forge.Assign(ctx, c.At, o.by); err != nil {
		c.Log.Warn("reviewer could not be assigned", "login", o.by, "error", err)
	}
	return nil
}

// permitted reports whether login has a say.
func permitted(ctx context.Context, c *plugin.Call, p *prow.Pull, login string) (bool, error) {
	if config.Listed(c.Config.Plugins.Owners.SkipCollaborators, c.At.Repo) {
		return ownsSome(ctx, c, p, login)
	}
	ok, err := c.Forge.Collaborator(ctx, c.At.Repo, login)
	if err != nil {
		return false, fmt.Errorf("whether %s collaborates on %s: %w", login, c.At.Repo, err)
	}
	return ok, nil
}

// ownsSome reports whether login approves or reviews at least one changed file.
func ownsSome(ctx context.Context, c *plugin.Call, p *prow.Pull, login string) (bool, error) {
	o, err := c.Owners.At(ctx, c.Config, c.At.Repo, p.Base)
	if err != nil {
		return false, err
	}
	files, err := c.Forge.Files(ctx, c.At)
	if err != nil {
		return false, fmt.Errorf("files of %s: %w", c.At, err)
	}
	who := prow.NormLogin(login)
	for _, f := range files {
		for _, name := range []string{f.Name, f.OldName} {
			if name != "" && (slices.Contains(o.Who(owners.Approvers, name), who) || slices.Contains(o.Who(owners.Reviewers, name), who)) {
				return true, nil
			}
		}
	}
	return false, nil
}

// set makes the label what it should be, with what goes with it.
func (l lgtm) set(ctx context.Context, c *plugin.Call, p *prow.Pull, good bool) error {
	have := p.HasLabel(prow.LGTM)
	o := l.config(c.Config, c.At.Repo)
	if !good {
		if !have {
			return nil
		}
		return l.remove(ctx, c, p, o)
	}
	if !have {
		if err := c.Forge.AddLabel(ctx, c.At, prow.LGTM); err != nil {
			return fmt.Errorf("label %s of %s: %w", prow.LGTM, c.At, err)
		}
	}
	sticky, err := l.sticky(ctx, c, o, p.Author)
	if err != nil || sticky {
		return err
	}
	if o.StoreTreeHash {
		if err := storeTree(ctx, c, p.HeadSHA); err != nil {
			return err
		}
	}
	return c.Prune(ctx, func(x prow.Comment) bool { return c.Kept(removedNote, x.Body) || removedBefore.MatchString(x.Body) })
}

// storeTree notes the tree that was looked at. The note has to be young and
// unedited to count, so each head has its own.
func storeTree(ctx context.Context, c *plugin.Call, head string) error {
	tree, err := headTree(ctx, c, head)
	if err != nil {
		return err
	}
	stored, err := lookedAt(ctx, c, time.Time{})
	if err != nil || stored == tree {
		return err
	}
	return c.Keep(ctx, "tree-"+head, fmt.Sprintf("The label `lgtm` stays through a rebase or squash that leaves the content as it is. <details>Git tree hash: %s</details>", tree))
}

// lookedAt returns the tree of the newest note that nobody edited, or ""; of those
// from before t, if t is given.
func lookedAt(ctx context.Context, c *plugin.Call, t time.Time) (string, error) {
	own, err := c.Own(ctx)
	if err != nil {
		return "", err
	}
	for _, x := range slices.Backward(own) {
		if m := treeHash.FindStringSubmatch(x.Body); m != nil && x.Created.Equal(x.Updated) && (t.IsZero() || x.Created.Before(t)) {
			return m[1], nil
		}
	}
	return "", nil
}

// headTree returns the tree of a commit of the pull request.
func headTree(ctx context.Context, c *plugin.Call, head string) (string, error) {
	commits, err := c.Forge.Commits(ctx, c.At)
	if err != nil {
		return "", fmt.Errorf("commits of %s: %w", c.At, err)
	}
	for _, x := range commits {
		if x.SHA == head && x.Tree != "" {
			return x.Tree, nil
		}
	}
	// GitHub lists 250 commits at most
	repo := c.Git.Repo(c.At.Repo)
	if err := repo.Ensure(ctx, []string{fmt.Sprintf("refs/pull/%d/head", c.At.Number)}, head); err != nil {
		return "", fmt.Errorf("commit %s of %s: %w", head, c.At, err)
	}
	tree, err := repo.Tree(ctx, head, "")
	if err != nil {
		return "", fmt.Errorf("tree of %s: %w", head, err)
	}
	return tree, nil
}

// remove takes the label away; whoever gave it is asked again.
func (l lgtm) remove(ctx context.Context, c *plugin.Call, p *prow.Pull, o LGTMConfig) error {
	if err := c.Forge.RemoveLabel(ctx, c.At, prow.LGTM); err != nil {
		return fmt.Errorf("label %s of %s: %w", prow.LGTM, c.At, err)
	}
	if !o.StoreTreeHash {
		return nil
	}
	reviewers := slices.DeleteFunc(slices.Clone(p.Assignees), func(a string) bool { return prow.NormLogin(a) == prow.NormLogin(p.Author) })
	if len(reviewers) > 0 {
		if err := c.Forge.AskReview(ctx, c.At, reviewers...); err != nil {
			c.Log.Warn("assignees could not be asked for a review", "error", err)
		}
	}
	return c.Prune(ctx, func(x prow.Comment) bool { return treeHash.MatchString(x.Body) })
}

func (l lgtm) onPull(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	if e.Action != "synchronize" || e.Pull.Merged {
		return nil
	}
	p, err := c.Pull(ctx)
	if err != nil {
		return err
	}
	if !p.HasLabel(prow.LGTM) || p.Merged {
		return nil
	}
	if late, err := l.saidSince(ctx, c, p, e.Pull.Updated); err != nil || late {
		return err
	}
	o := l.config(c.Config, c.At.Repo)
	if sticky, err := l.sticky(ctx, c, o, p.Author); err != nil || sticky {
		return err
	}
	if o.StoreTreeHash {
		if same, err := sameTree(ctx, c, p.HeadSHA, e.Pull.Updated); err != nil || same {
			return err
		}
	}
	if err := l.remove(ctx, c, p, o); err != nil {
		return err
	}
	return c.Note(ctx, removedNote, "Nobody has looked at the new commits yet, so the label `lgtm` is gone. Another `/lgtm` brings it back.")
}

// saidSince reports whether somebody who may called the change good after t.
// Then the event of the push comes late, and what it brought was looked at. When
// the label was set does not matter: hook may have been slow.
func (l lgtm) saidSince(ctx context.Context, c *plugin.Call, p *prow.Pull, t time.Time) (bool, error) {
	comments, err := c.Forge.Comments(ctx, c.At)
	if err != nil {
		return false, fmt.Errorf("comments of %s: %w", c.At, err)
	}
	var by []string
	for _, x := range comments {
		if x.Created.After(t) && slices.ContainsFunc(plugin.Lines(x.Body), func(l plugin.Line) bool { return speaks(l) && saysGood(l) }) {
			by = append(by, x.Author)
		}
	}
	if l.config(c.Config, c.At.Repo).ReviewActsAsLGTM {
		reviews, err := c.Forge.Reviews(ctx, c.At)
		if err != nil {
			return false, fmt.Errorf("reviews of %s: %w", c.At, err)
		}
		for _, r := range reviews {
			if r.State == prow.ReviewApproved && r.SHA == p.HeadSHA && !r.AuthorBot {
				by = append(by, r.Author)
			}
		}
	}
	for _, who := range by {
		if prow.NormLogin(who) == prow.NormLogin(p.Author) {
			continue
		}
		if ok, err := permitted(ctx, c, p, who); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// sameTree reports whether the head's content is what was looked at before the
// push at t. A later note may be of the very content that was pushed.
func sameTree(ctx context.Context, c *plugin.Call, head string, t time.Time) (bool, error) {
	stored, err := lookedAt(ctx, c, t)
	if err != nil || stored == "" {
		return false, err
	}
	tree, err := headTree(ctx, c, head)
	return tree == stored, err
}

// sticky reports whether the author's team keeps the label across pushes. A team
// that is not there keeps nothing.
func (l lgtm) sticky(ctx context.Context, c *plugin.Call, o LGTMConfig, author string) (bool, error) {
	if o.StickyTeam == "" {
		return false, nil
	}
	members, err := c.Forge.Team(ctx, c.At.Repo.Owner, o.StickyTeam)
	if err != nil {
		c.Log.Warn("team for sticky lgtm could not be read", "team", o.StickyTeam, "error", err)
		return false, nil // we fail closed: the label goes
	}
	return slices.ContainsFunc(members, func(m string) bool { return prow.NormLogin(m) == prow.NormLogin(author) }), nil
}
