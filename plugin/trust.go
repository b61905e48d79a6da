package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Trigger is an entry of the section `triggers` of plugins.yaml. The plugin
// trigger reads it, and whoever asks whether someone is trusted.
type Trigger struct {
	// Repos are the repositories and organisations that the entry is for; the entry that names the repository itself counts. Example: [org, org/repo]
	Repos []string `json:"repos,omitempty"`
	// TrustedApps are slugs of GitHub Apps whose pull requests are trusted, without [bot]. Example: [dependabot]
	TrustedApps []string `json:"trusted_apps,omitempty"`
	// TrustedOrg is a further organisation whose members are trusted. Default: the repository's own Example: other-org
	TrustedOrg string `json:"trusted_org,omitempty"`
	// JoinOrgURL is where people who are new are sent to become members. Default: the page of the people of the organisation Example: https://example.com/join
	JoinOrgURL string `json:"join_org_url,omitempty"`
	// OnlyOrgMembers has collaborators of the repository not be trusted, only members of the organisation. Default: false
	OnlyOrgMembers bool `json:"only_org_members,omitempty"`
	// IgnoreOKToTest has /ok-to-test do nothing: each push of people who are not trusted has to be tested by hand. Default: false
	IgnoreOKToTest bool `json:"ignore_ok_to_test,omitempty"`
	// TriggerGitHubWorkflows has GitHub workflows that failed or wait for approval run again with /ok-to-test, /retest and /test all. Default: false
	TriggerGitHubWorkflows bool `json:"trigger_github_workflows,omitempty"`
	// OrgInvite says how people who are new are invited to join.
	OrgInvite struct {
		// Prominent is the invitation of people who had changes merged before.
		Prominent struct {
			// Disabled leaves that invitation out. Default: false
			Disabled bool `json:"disabled,omitempty"`
			// MergedPRThreshold is how many merged changes it takes. Default: 3
			MergedPRThreshold *int `json:"merged_pr_threshold,omitempty"`
			// Message is what they are told instead of the usual sentence; {join_org_url} in it stands for the link. Example: "You know your way around here: {join_org_url}"
			Message string `json:"message,omitempty"`
		} `json:"prominent,omitempty"`
	} `json:"org_invite,omitempty"`
	// BindOKToTest makes ok-to-test end with each push of an untrusted author.
	// New here.
	BindOKToTest bool `json:"bind_ok_to_test_to_head,omitempty"`
}

// TriggersKey is the section of Trigger entries.
const TriggersKey = "triggers"

// TriggerFor returns the entry of r, the most specific one. It is never nil.
func TriggerFor(cfg *config.Config, r prow.Repo) *Trigger {
	var all []Trigger
	if raw, ok := section(cfg, TriggersKey); ok && json.Unmarshal(raw, &all) == nil {
		if t := MostSpecific(all, r, func(t *Trigger) []string { return t.Repos }); t != nil {
			return t
		}
	}
	return new(Trigger)
}

// MostSpecific returns the first entry that lists r, else the first that lists
// its owner, else nil.
func MostSpecific[T any](entries []T, r prow.Repo, repos func(*T) []string) *T {
	for _, want := range []string{r.String(), r.Owner} {
		for i := range entries {
			for _, have := range repos(&entries[i]) {
				if have == want {
					return &entries[i]
				}
			}
		}
	}
	return nil
}

// Trusted reports whether login may have code tested in the call's repository
// without being asked, and if not, why not.
func Trusted(ctx context.Context, c *Call, login string) (ok bool, why string, err error) {
	t := TriggerFor(c.Config, c.At.Repo)
	if self, err := c.IsSelf(ctx, login); err != nil || self {
		return self, "", err
	}
	org := c.At.Repo.Owner
	if ok, err := c.Forge.Member(ctx, org, login); err != nil || ok {
		return ok, "", wrap(err, "membership of %s in %s", login, org)
	}
	failed := []string{"a member of " + org}
	if !t.OnlyOrgMembers {
		if ok, err := c.Forge.Collaborator(ctx, c.At.Repo, login); err != nil || ok {
			return ok, "", wrap(err, "whether %s collaborates on %s", login, c.At.Repo)
		}
		failed = append(failed, "a collaborator of "+c.At.Repo.String())
	}
	if app, isApp := strings.CutSuffix(prow.NormLogin(login), "[bot]"); isApp {
		for _, a := range t.TrustedApps {
			if prow.NormLogin(a) == app {
				return true, "", nil
			}
		}
		failed = append(failed, "a trusted app")
	}
	if t.TrustedOrg != "" && t.TrustedOrg != org {
		if ok, err := c.Forge.Member(ctx, t.TrustedOrg, login); err != nil || ok {
			return ok, "", wrap(err, "membership of %s in %s", login, t.TrustedOrg)
		}
		failed = append(failed, "a member of "+t.TrustedOrg)
	}
	return false, fmt.Sprintf("%s is not %s", login, either(failed)), nil
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// either joins words: "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
