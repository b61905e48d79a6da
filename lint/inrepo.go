package lint

import "github.com/prow-ci/prow/config"

// inRepo checks the repository's own jobs. They are looked at whether or not the
// repository is enabled to bring some; what is wrong with them is an error, since
// Prow would take none of them.
func (p *Pass) inRepo() {
	if p.Options.InRepo.IsZero() || p.Tree == nil {
		return
	}
	own, found := p.Inspection.InRepo(p.Tree, p.Root, p.Options.InRepo)
	p.loaded(found)
	p.own = own
}

// configs returns the jobs of the files, and those of the repository.
func (p *Pass) configs() []*config.JobConfig {
	if p.own == nil {
		return []*config.JobConfig{&p.Config.JobConfig}
	}
	return []*config.JobConfig{&p.Config.JobConfig, p.own}
}
