package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prow-ci/prow/config"
)

// inRepo checks the repository's own jobs. They are looked at whether or not the
// repository is enabled to bring some; what is wrong with them is an error, since
// Prow would take none of them.
func (p *Pass) inRepo() {
	if p.Options.InRepo.IsZero() || p.Tree == nil {
		return
	}
	files := p.Files
	own, found := p.Inspection.InRepo(p.Tree, p.Root, p.Options.InRepo)
	if p.Files == files && len(found) == 0 {
		p.undone = append(p.undone, fmt.Sprintf("there are no jobs of %s: no %s/ and no %s is in %s", p.Options.InRepo, config.InRepoDir, config.InRepoFile, p.Root))
	}
	p.loaded(p.known(found))
	p.own = own
}

// known leaves out what only the installation's configuration can tell, where there
// is none.
func (p *Pass) known(found config.Problems) config.Problems {
	if !p.Alone {
		return found
	}
	var presets []string // jobs that ask for presets which are not known
	for _, x := range found {
		if x.Kind == config.KindUnknownPreset {
			presets = append(presets, x.Job)
		}
	}
	n := len(found)
	found = slices.DeleteFunc(found, func(x config.Problem) bool {
		return x.Kind == config.KindUnknownPreset || strings.HasSuffix(x.Path, "].cluster") || strings.HasSuffix(x.Path, "].job_queue_name") ||
			strings.Contains(x.Path, ".volumeMounts[") && slices.Contains(presets, x.Job)
	})
	if len(found) < n {
		p.undone = append(p.undone, "whether clusters, queues and presets of the jobs are there takes the installation's configuration: --config-path")
	}
	return found
}

// configs returns the jobs of the files, and those of the repository.
func (p *Pass) configs() []*config.JobConfig {
	if p.own == nil {
		return []*config.JobConfig{&p.Config.JobConfig}
	}
	return []*config.JobConfig{&p.Config.JobConfig, p.own}
}
