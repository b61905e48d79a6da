package jobs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/plugin"
)

// Keys of the comments that trigger keeps, one of each a pull request.
const (
	noteWelcome = "welcome"
	noteDraft   = "draft"
	noteRebase  = "rebase"
	noteBroken  = "inrepoconfig"
)

// Trigger starts, ends and explains jobs.
func Trigger() plugin.Plugin {
	return plugin.Plugin{
		Name: "trigger",
		Doc: "Runs the jobs of pull requests and pushes. What a newcomer sends waits until somebody trusted says `/ok-to-test`; " +
			"jobs of commits that nobody needs any more are stopped.",
		Commands:  triggerCommands(),
		OnComment: triggerOnComment,
		OnPull:    triggerOnPull,
		OnPush:    triggerOnPush,
		Sections:  []plugin.AnySection{&plugin.Section[[]plugin.Trigger]{Key: plugin.TriggersKey, Check: plugin.CheckTriggers}},
		Help:      triggerHelp,
		Snippet: `triggers:
- repos: [org, org/repo]
  trusted_apps: [dependabot]
  only_org_members: true
  ignore_ok_to_test: true
  trigger_github_workflows: true
`,
	}
}

// triggerCommands describes the commands. OnComment obeys them: a job's own
// trigger may be any pattern, so the text is looked at as a whole.
func triggerCommands() []plugin.Command {
	const anyoneOnTrusted = "Anyone where jobs may run; trusted people everywhere"
	list := []plugin.Command{{
		Name: "ok-to-test", Args: regexp.MustCompile(`(cancel)?`), Usage: "/ok-to-test [cancel]",
		Who: "Trusted people, mostly members of the organisation and collaborators", Featured: true,
		Doc:      "Lets jobs run for a newcomer's pull request, now and at every push; `cancel` takes that back.",
		Examples: []string{"/ok-to-test", "/ok-to-test cancel"},
	}, {
		Name: "test", Args: regexp.MustCompile(`.*`), Usage: "/test <job>... or /test all or /test ?", Who: anyoneOnTrusted, Featured: true,
		Doc:      "Runs the jobs you name, or `all` that run by themselves; `?` shows their names.",
		Examples: []string{"/test all", "/test pull-unit-test", "/test ?"},
	}, {
		Name: "retest", Usage: "/retest", Who: anyoneOnTrusted, Featured: true,
		Doc: "Runs once more what failed, and what has no result yet.", Examples: []string{"/retest"},
	}, {
		Name: "retest-required", Usage: "/retest-required", Who: anyoneOnTrusted,
		Doc: "Does what `/retest` does, for the jobs that a merge needs.", Examples: []string{"/retest-required"},
	}, {
		Name: "test-manual-required", Usage: "/test-manual-required", Who: anyoneOnTrusted,
		Doc: "Runs the jobs that a merge needs and that wait to be asked for.", Examples: []string{"/test-manual-required"},
	}}
	for i := range list {
		list[i].CaseSensitive, list[i].Where = true, plugin.Pulls
		list[i].Run = func(context.Context, *plugin.Call, prow.CommentEvent, []plugin.Line) error { return nil }
	}
	return list
}

func triggerHelp(cfg *config.Config, r prow.Repo) string {
	if r.IsZero() {
		return ""
	}
	t := plugin.TriggerFor(cfg, r)
	who := "members of " + r.Owner
	if !t.OnlyOrgMembers {
		who += " and collaborators of the repository"
	}
	if t.TrustedOrg != "" && t.TrustedOrg != r.Owner {
		who += " and members of " + t.TrustedOrg
	}
	if len(t.TrustedApps) > 0 {
		who += " and the apps " + strings.Join(t.TrustedApps, ", ")
	}
	out := "Trusted here: " + who + "."
	if t.IgnoreOKToTest {
		out += " `/ok-to-test` does nothing."
	}
	if t.TriggerGitHubWorkflows {
		out += " The commands also let GitHub workflows run that wait or failed."
	}
	return out
}

// change is a pull request as trigger looks at it.
type change struct {
	*prow.Pull
	trigger *plugin.Trigger
	// filled in by load
	base     string   // head of the base branch
	required []string // contexts that its protection requires
	jobs     *config.RepoJobs
}

// look asks for the pull request as it is now.
func look(ctx context.Context, c *plugin.Call) (*change, error) {
	p, err := c.Pull(ctx)
	if err != nil {
		return nil, err
	}
	return &change{Pull: p, trigger: plugin.TriggerFor(c.Config, c.At.Repo)}, nil
}

// load finds the base and the jobs there are for the change. Jobs of the
// repository's own files that cannot be used are reported on the pull request;
// the others run.
func (x *change) load(ctx context.Context, c *plugin.Call) error {
	if x.jobs != nil {
		return nil
	}
	b, err := c.Forge.Branch(ctx, c.At.Repo, x.Base)
	if err != nil {
		return fmt.Errorf("branch %s of %s: %w", x.Base, c.At.Repo, err)
	}
	x.base, x.required = b.SHA, b.Required
	jobs := c.InRepo.Jobs(ctx, c.Config, c.At.Repo, x.Base, x.base, x.HeadSHA)
	var conflict *git.ConflictError
	if errors.As(jobs.Broken, &conflict) {
		x.Mergeable = prow.MergeableNo
	} else if err := passing(jobs.Broken); err != nil {
		return err
	}
	x.jobs = jobs
	return nil
}

// passing returns err if it is a fault of the moment, and nil if it is one of the
// repository's own files, which another try finds as they are.
func passing(err error) error {
	var problems config.Problems
	if err == nil || errors.As(err, &problems) {
		return nil
	}
	return err
}

// trusted reports whether the change may be tested without being asked for.
func (x *change) trusted(ctx context.Context, c *plugin.Call) (bool, error) {
	if x.HasLabel(prow.OKToTest) {
		return true, nil
	}
	ok, _, err := plugin.Trusted(ctx, c, x.Author)
	return ok, err
}

// files returns the names of the changed files, old and new. GitHub lists only
// so many; git knows them all.
func (x *change) files(ctx context.Context, c *plugin.Call) ([]string, error) {
	var names []string
	list, err := c.Forge.Files(ctx, c.At)
	if err == nil {
		names, err = c.Git.Repo(c.At.Repo).PullFiles(ctx, c.At.Number, x.Base, x.base, x.HeadSHA, list)
	}
	if err != nil {
		return nil, fmt.Errorf("files of %s: %w", c.At, err)
	}
	return names, nil
}

// tidy takes back those of the kept comments that are there.
func tidy(ctx context.Context, c *plugin.Call, keys ...string) error {
	own, err := c.Own(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if slices.ContainsFunc(own, func(x prow.Comment) bool { return c.Kept(key, x.Body) }) {
			if err := c.Unnote(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}
