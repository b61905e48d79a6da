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
	Repos                  []string `json:"repos,omitempty"`
	TrustedApps            []string `json:"trusted_apps,omitempty"` // without [bot]
	TrustedOrg             string   `json:"trusted_org,omitempty"`
	JoinOrgURL             string   `json:"join_org_url,omitempty"`
	OnlyOrgMembers         bool     `json:"only_org_members,omitempty"`
	IgnoreOKToTest         bool     `json:"ignore_ok_to_test,omitempty"`
	TriggerGitHubWorkflows bool     `json:"trigger_github_workflows,omitempty"`
	OrgInvite              struct {
		Prominent struct {
			Disabled          bool   `json:"disabled,omitempty"`
			MergedPRThreshold *int   `json:"merged_pr_threshold,omitempty"` // default 3
			Message           string `json:"message,omitempty"`
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
