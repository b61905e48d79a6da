package lint

import (
	"maps"
	"path"
)

// inRepo checks the repository's own jobs. They are looked at whether or not the
// repository is enabled to bring some; what is wrong with them is an error, since
// Prow would take none of them.
func (p *Pass) inRepo() {
	if p.InRepo.IsZero() || p.Tree == nil {
		return
	}
	c := *p.Config
	yes := true
	c.InRepoConfig.Enabled = maps.Clone(c.InRepoConfig.Enabled)
	if c.InRepoConfig.Enabled == nil {
		c.InRepoConfig.Enabled = map[string]*bool{}
	}
	c.InRepoConfig.Enabled[p.InRepo.String()] = &yes
	own, err := c.InRepo(p.Tree, p.InRepo)
	found := append(problems(err), own.Warnings...)
	for i := range found {
		found[i].File = path.Join(p.Root, found[i].File)
	}
	p.loaded(found)
}
