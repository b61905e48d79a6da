package lint

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// appCheck runs where there are credentials of a GitHub App.
const appCheck = "validate-github-app-installation"

// fleetChecks are about the installation as a whole: files, repositories, the forge.
func fleetChecks() []Check {
	return []Check{
		{
			Name: "managed-webhooks", Default: true, Run: managedWebhooks,
			Help: "managed_webhooks lists an organisation and one of its repositories. The webhook of the organisation tells of the repository too, so each event would come twice.",
		},
		{
			Name: "validate-urls", Default: true, Run: validateURLs,
			Help: "status_error_link is not an address.",
		},
		{
			Name: "validate-supplemental-prow-config-hierarchy", Default: true, Run: shardHierarchy,
			Help: "A supplemental file in the folder of an organisation or repository that speaks of others too, or not of that one; or that is deeper than these. The folders say who may change what.",
		},
		{
			Name: "likely-typos", Default: true, New: true, Run: likelyTypos,
			Help: "A name that occurs once and is one slip of the finger from one that is known: a repository, a cluster, or a context in branch protection or in tide's context options that no job reports, beside one that a job does.",
		},
		{
			Name: "verify-owners-presence", Expensive: true, Plugins: true, Run: ownersPresence,
			Help: "A repository with a plugin that reads OWNERS files, but no such file at the root of its default branch. Needs --github-token-path.",
		},
		{
			Name: appCheck, Run: appInstallation,
			Help: "An organisation that the configuration speaks of, but that has not installed the GitHub App. Runs where --github-app-id and --github-app-private-key-path are given.",
		},
	}
}

func managedWebhooks(p *Pass) {
	managed := p.Config.ManagedWebhooks.OrgRepoConfig
	for _, k := range keysOf(managed) {
		s := parse(k)
		if _, ok := managed[s.Owner]; ok && s.Name != "" {
			p.report(p.Main("managed_webhooks", "org_repo_config", k), fmt.Sprintf("the webhook of %s is managed too, and tells of %s", s.Owner, k), "keep one of the two")
		}
	}
}

func validateURLs(p *Pass) {
	link := p.Config.StatusErrorLink
	if _, err := url.ParseRequestURI(link); link != "" && err != nil {
		p.report(p.Main("status_error_link"), fmt.Sprintf("%q is not an address", link), "write it whole: https://…")
	}
}

func shardHierarchy(p *Pass) {
	for _, s := range p.Shards(p.Paths) {
		at := config.Place{File: s.File}
		about := quoted(slices.Concat(s.Orgs, s.Repos))
		if s.Global {
			about = strings.TrimPrefix(about+" and more than organisations and repositories", " and ")
		}
		if about == "" {
			about = "nothing"
		}
		want := ""
		switch len(s.Folder) {
		case 0:
			continue
		case 1:
			if s.Global || len(s.Repos) > 0 || !slices.Equal(s.Orgs, s.Folder) {
				want = fmt.Sprintf("in the folder of the organisation %s, but is about %s", s.Folder[0], about)
			}
		case 2:
			if repo := strings.Join(s.Folder, "/"); s.Global || len(s.Orgs) > 0 || !slices.Equal(s.Repos, []string{repo}) {
				want = fmt.Sprintf("in the folder of the repository %s, but is about %s", repo, about)
			}
		default:
			want = "below the folder of a repository, where no supplemental file has its place"
		}
		if want != "" {
			p.report(at, "the file is "+want, "put what is about an organisation at ORG/, about a repository at ORG/REPO/, and all else at the top")
		}
	}
}

// ownersPresence asks the forge for the OWNERS file of every repository with a
// plugin that reads one.
func ownersPresence(p *Pass) {
	if p.OwnersFile == nil {
		p.lacks("it asks the forge, which needs --github-token-path")
		return
	}
	seen := map[scope]bool{}
	p.listed(func(k string, i int, plugin string) {
		if !slices.Contains(readsOwners(), plugin) {
			return
		}
		at := p.Config.Plugins.Place(k, i)
		repos, err := p.repositories(k)
		if err != nil {
			p.lacks(fmt.Sprintf("the repositories of %s cannot be listed: %v", k, err))
			return
		}
		for _, r := range repos {
			if seen[r] {
				continue
			}
			seen[r] = true
			file := p.ownersName(r)
			switch ok, err := p.OwnersFile(p.ctx, r, file); {
			case err != nil:
				p.lacks(fmt.Sprintf("%s cannot be looked at: %v", r, err))
			case !ok:
				p.report(at, fmt.Sprintf("%s reads OWNERS files, but %s has no %s at the root of its default branch", plugin, r, file), "add the file, or exclude the repository")
			}
		}
	})
}

// ownersName is what the OWNERS file of r is called.
func (p *Pass) ownersName(r prow.Repo) string {
	for _, k := range []string{r.String(), r.Owner, "*"} {
		if f := p.Config.Plugins.Owners.Filenames[k].Owners; f != "" {
			return f
		}
	}
	return "OWNERS"
}

// repositories lists those that a selector of plugins stands for.
func (p *Pass) repositories(selector string) ([]prow.Repo, error) {
	s := parse(selector)
	if s.Name != "" {
		return []prow.Repo{s}, nil
	}
	if p.Repositories == nil {
		return nil, nil
	}
	all, err := p.Repositories(p.ctx, s.Owner)
	return slices.DeleteFunc(all, func(r prow.Repo) bool {
		return slices.Contains(p.Config.Plugins.Plugins[selector].ExcludedRepos, r.Name)
	}), err
}

func appInstallation(p *Pass) {
	if p.AppInstalled == nil {
		p.lacks("it asks GitHub as the App, which needs --github-app-id and --github-app-private-key-path")
		return
	}
	installed, err := p.AppInstalled(p.ctx)
	if err != nil {
		p.lacks(err.Error())
		return
	}
	for _, org := range keysOf(p.mentioned()) {
		if !slices.Contains(installed, org) {
			p.report(p.firstMention(org), fmt.Sprintf("the GitHub App is not installed for %s", org), "install it there, or remove "+org+" from the configuration")
		}
	}
}

// firstMention returns a place that speaks of the organisation.
func (p *Pass) firstMention(org string) config.Place {
	for _, q := range p.Queries {
		if i := slices.Index(q.Orgs, org); i >= 0 {
			return q.Place.At("orgs", i)
		}
		if i := slices.IndexFunc(q.Repos, func(r string) bool { return parse(r).Owner == org }); i >= 0 {
			return q.Place.At("repos", i)
		}
	}
	for _, k := range keysOf(p.Config.Plugins.Plugins) {
		if parse(k).Owner == org {
			return p.InPlugins("plugins", k)
		}
	}
	return p.InPlugins("external_plugins")
}
