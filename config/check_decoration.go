package config

import (
	"cmp"
	"fmt"
	"mime"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// defaultFault is a fault of a job's decoration that is there without what the job
// says itself. Every job that the same entries hold for has it, so it is told once,
// where it is.
type defaultFault struct {
	finding       // its path leads on from the decoration
	job           Position
	at            spot // of the job's decoration
	repo, cluster string
}

// checkDecoration checks the merged decoration of a job of pods.
func (f *finisher) checkDecoration(job spot, j *JobBase, repo string) {
	if j.DecorationConfig == nil || j.Spec == nil || j.Agent != prow.KubernetesAgent {
		return
	}
	faults := decorationFaults(j.DecorationConfig)
	if len(faults) == 0 {
		return
	}
	at := job.at("decoration_config")
	var common []finding
	if f.faults != nil && f.decorated(j) {
		common = decorationFaults(f.decoration(repo, j.Cluster))
	}
	for _, x := range faults {
		if slices.ContainsFunc(common, func(c finding) bool { return c.Text == x.Text && slices.Equal(c.path, x.path) }) {
			*f.faults = append(*f.faults, defaultFault{finding: x, job: j.Source, at: at, repo: repo, cluster: j.Cluster})
			continue
		}
		at.at(x.path...).hinted(x.Text, x.Hint)
	}
}

// tellDefaults reports the faults of default decoration that jobs have: each once,
// in the entry that has it or should have what is missing, and where no entry holds
// for the job, at the first job.
func (c *Config) tellDefaults(in *inputs, faults []defaultFault, rep *report) {
	type group struct {
		first defaultFault
		entry int
		jobs  int
	}
	if len(faults) == 0 {
		return
	}
	var groups []*group
	main := treeOf(in.main)
	for _, f := range faults {
		entry := c.Plank.blame(main, f)
		i := slices.IndexFunc(groups, func(g *group) bool {
			return g.entry == entry && g.first.Text == f.Text && slices.Equal(g.first.path, f.path)
		})
		if i < 0 {
			groups = append(groups, &group{f, entry, 1})
			continue
		}
		groups[i].jobs++
	}
	for _, g := range groups {
		text, at, hint := g.first.Text, g.first.at, g.first.Hint
		switch {
		case g.entry >= 0:
			at = spot{file: in.main.name, path: c.Plank.entryPath(g.entry)}
			text += "; so " + jobsNamed(g.first.at.job, g.jobs) + " cannot load"
			if hint == setDecoration {
				hint = "set it here, or in an entry that holds for all"
			}
		case g.jobs > 1:
			text += fmt.Sprintf("; so it is with %d more", g.jobs-1)
		}
		at.rep = rep
		at.at(g.first.path...).hinted(text, hint)
	}
}

func jobsNamed(first string, n int) string {
	if n == 1 {
		return "job " + first
	}
	return fmt.Sprintf("job %s and %d more", first, n-1)
}

// blame returns the number of the entry that a fault of default decoration stands
// in: of those that hold for the job the last that has most of the path. It is -1
// if none holds for it.
func (p *Plank) blame(main *tree, f defaultFault) int {
	best, most := -1, 0
	for i, e := range p.decorations() {
		if !entryMatches(e.OrgRepo, e.Cluster, f.repo, f.cluster) {
			continue
		}
		if n := main.reach(append(p.entryPath(i), f.path...)) - len(p.entryPath(i)); best < 0 || n > most || n == most && n > 0 {
			best, most = i, n
		}
	}
	return best
}

// entryPath is where the entry number i of decorations stands in the main file.
func (p *Plank) entryPath(i int) trail {
	if n := len(p.DefaultDecorationEntries); i >= n {
		return trail{"plank", "default_decoration_configs", generalFirst(p.DefaultDecorationConfigs)[i-n]}
	}
	return trail{"plank", "default_decoration_config_entries", i, "config"}
}

// sortFaults puts faults in the order of their jobs in the file.
func sortFaults(faults []defaultFault) {
	slices.SortStableFunc(faults, func(a, b defaultFault) int {
		return cmp.Or(cmp.Compare(a.job.Line, b.job.Line), cmp.Compare(a.job.Column, b.job.Column))
	})
}

const setDecoration = "set it in plank.default_decoration_config_entries, or in the job"

// decorationFaults says what is wrong with a merged decoration; the paths lead on
// from it.
func decorationFaults(d *prow.DecorationConfig) []finding {
	rep := &report{}
	at := spot{rep: rep}
	images := d.UtilityImages
	if images == nil {
		images = &prow.UtilityImages{}
	}
	var missing []string
	for _, i := range [][2]string{{"clonerefs", images.CloneRefs}, {"initupload", images.InitUpload}, {"entrypoint", images.Entrypoint}, {"sidecar", images.Sidecar}} {
		if i[1] == "" {
			missing = append(missing, i[0])
		}
	}
	if len(missing) > 0 {
		at.at("utility_images").hinted("lacks "+strings.Join(missing, ", "), setDecoration)
	}
	if d.GCSConfiguration == nil {
		at.at("gcs_configuration").hinted("is missing", setDecoration)
	} else {
		checkGCS(at.at("gcs_configuration"), d.GCSConfiguration)
	}
	if d.OauthTokenSecret != nil && len(d.SSHKeySecrets) > 0 {
		at.hinted("has both oauth_token_secret and ssh_key_secrets", "keep one of the two")
	}
	return rep.pending
}

// checkLayer warns of what one layer of decoration says and what no run can do.
func checkLayer(at spot, d *prow.DecorationConfig) {
	if d == nil {
		return
	}
	if d.Timeout != nil && d.Timeout.Duration < 0 {
		at.at("timeout").warn(KindNoEffect, fmt.Sprintf("is %v, which is no time to test in, so it is %v", d.Timeout.Duration, prow.DefaultTimeout), "write for example 30m or 2h30m")
	}
	if d.CensoringOptions == nil {
		return
	}
	globs := func(at spot, list []string, then string) {
		for i, g := range list {
			if !prow.ValidGlobs([]string{g}) {
				at.at(i).warn(KindNoEffect, fmt.Sprintf("%q is no pattern, so %s", g, then), "* is any name, ** any folders, {a,b} one of both")
			}
		}
	}
	at = at.at("censoring_options")
	globs(at.at("include_directories"), d.CensoringOptions.IncludeDirectories, "all artifacts are searched for secrets")
	globs(at.at("exclude_directories"), d.CensoringOptions.ExcludeDirectories, "it exempts nothing")
}

func checkGCS(at spot, g *prow.GCSConfiguration) {
	switch g.PathStrategy {
	case "explicit":
	case "legacy", "single":
		if g.DefaultOrg == "" || g.DefaultRepo == "" {
			at.hinted("lacks default_org or default_repo", "path_strategy "+g.PathStrategy+" needs both")
		}
	default:
		at.at("path_strategy").hinted(fmt.Sprintf("is %q", g.PathStrategy), "want legacy, single or explicit")
	}
	for _, ext := range keysOf(g.MediaTypes) {
		if _, _, err := mime.ParseMediaType(g.MediaTypes[ext]); err != nil {
			at.at("mediaTypes", ext).wrong(fmt.Sprintf("%q is not a media type: %v", g.MediaTypes[ext], err))
		}
	}
	checkURL(at.at("job_url_prefix"), g.JobURLPrefix)
}
