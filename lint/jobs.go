package lint

import (
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

func jobChecks() []Check {
	return []Check{
		{
			Name: "non-decorated-jobs", Default: true, Run: nonDecoratedJobs,
			Help: "A Kubernetes job without decoration: nobody clones the code, uploads the log or ends it in time. Say decorate: true.",
		},
		{
			Name: "long-job-names", Default: true, Run: longJobNames,
			Help: "A job name of more than 63 characters. Labels hold no more, so the job cannot be found by its whole name in Kubernetes.",
		},
		{
			Name: "duplicate-job-refs", Default: true, Run: duplicateJobRefs,
			Help: "A presubmit that clones a repository twice: as the one it tests and among extra_refs, or twice there.",
		},
		{
			Name: "required-job-annotations", Default: true, Run: requiredAnnotations,
			Help: "A job without an annotation of --required-job-annotations.",
		},
		{
			Name: "periodic-default-clone-config", Default: true, Run: periodicClone,
			Help: "clone_depth, clone_uri or path_alias on a periodic. They are about the repository under test, and a periodic has none: they belong into extra_refs.",
		},
		{
			Name: "valid-decoration-config", Run: validDecoration,
			Help: "Default decoration that is not complete: jobs that it holds for cannot load, or keep no logs. The decoration of every job that there is is checked while loading.",
		},
		{
			Name: "gerrit-trigger", Default: true, Always: true, Fatal: true, Run: gerritTrigger,
			Help: "A presubmit whose rerun_command does not match gerrit.allowed_presubmit_trigger_re, so that what people are told to write starts nothing. Always checked.",
		},
		{
			Name: "shared-names", Default: true, New: true, Run: sharedNames,
			Help: "Two jobs of one name in different repositories, of which one has max_concurrency. The limit is counted by name, so they wait for each other.",
		},
		{
			Name: "unanchored-patterns", New: true, Run: unanchored,
			Help: "An expression for branches with neither ^ nor $. It matches anywhere: main is found in maintenance too.",
		},
	}
}

// job is a job of whatever type.
type job struct {
	*config.JobBase
	Type prow.Type
	Repo string // key of the repository; "" for periodics
	Own  bool   // it is the repository's own
}

// kind is how a person calls the type: "presubmit".
func (j job) kind() string { return string(j.Type) }

// jobs yields every job.
func (p *Pass) jobs(yield func(job) bool) {
	for i, c := range p.configs() {
		if !each(c, i > 0, yield) {
			return
		}
	}
}

func each(c *config.JobConfig, own bool, yield func(job) bool) bool {
	for _, repo := range keysOf(c.PresubmitsStatic) {
		for i := range c.PresubmitsStatic[repo] {
			if !yield(job{&c.PresubmitsStatic[repo][i].JobBase, prow.Presubmit, repo, own}) {
				return false
			}
		}
	}
	for _, repo := range keysOf(c.PostsubmitsStatic) {
		for i := range c.PostsubmitsStatic[repo] {
			if !yield(job{&c.PostsubmitsStatic[repo][i].JobBase, prow.Postsubmit, repo, own}) {
				return false
			}
		}
	}
	for i := range c.Periodics {
		if !yield(job{&c.Periodics[i].JobBase, prow.Periodic, "", own}) {
			return false
		}
	}
	return true
}

// nameJobs gives findings that lie in a job the job's name.
func (p *Pass) nameJobs() {
	var names map[string]string // by file and path of the job
	for i := range p.found {
		f := &p.found[i]
		list, _, inJob := strings.Cut(f.Path, "]")
		if f.Job != "" || !inJob || !strings.HasPrefix(list, "presubmits") && !strings.HasPrefix(list, "postsubmits") && !strings.HasPrefix(list, "periodics") {
			continue
		}
		if names == nil {
			names = map[string]string{}
			for j := range p.jobs {
				at := j.Place()
				names[at.File+"\x00"+at.Name()] = j.Name
			}
		}
		f.Job = names[f.File+"\x00"+list+"]"]
	}
}

func (p *Pass) jobCount() int {
	n := 0
	for range p.jobs {
		n++
	}
	return n
}

func nonDecoratedJobs(p *Pass) {
	for j := range p.jobs {
		if j.Agent == prow.KubernetesAgent && j.Spec != nil && j.DecorationConfig == nil {
			at := j.Place()
			if j.Decorate != nil {
				at = j.Place("decorate")
			}
			p.reportJob(at, j.Name, "is not decorated, so Prow neither clones for it nor keeps its log and artifacts", "say decorate: true")
		}
	}
}

const maxName = 63 // of a label value in Kubernetes

func longJobNames(p *Pass) {
	for j := range p.jobs {
		if len(j.Name) > maxName {
			p.reportJob(j.Place("name"), j.Name, fmt.Sprintf("has %d characters, more than the %d that a label holds", len(j.Name), maxName), "shorten it")
		}
	}
}

func duplicateJobRefs(p *Pass) {
	for j := range p.jobs {
		if j.Type != prow.Presubmit {
			continue
		}
		seen := []string{j.Repo}
		for i, r := range j.ExtraRefs {
			name := r.RepoID().String()
			switch {
			case name == j.Repo:
				p.reportJob(j.Place("extra_refs", i), j.Name, fmt.Sprintf("%s is the repository that the job tests, and is cloned for that already", name), "remove it from extra_refs")
			case slices.Contains(seen, name):
				p.reportJob(j.Place("extra_refs", i), j.Name, fmt.Sprintf("%s is among extra_refs twice", name), "remove one of the two")
			}
			seen = append(seen, name)
		}
	}
}

func requiredAnnotations(p *Pass) {
	for j := range p.jobs {
		var missing []string
		for _, a := range p.Annotations {
			if _, ok := j.Annotations[a]; !ok {
				missing = append(missing, a)
			}
		}
		if len(missing) > 0 {
			p.reportJob(j.Place("annotations"), j.Name, "lacks "+sentence(missing), config.DidYouMean(missing[0], keysOf(j.Annotations)))
		}
	}
}

func periodicClone(p *Pass) {
	for j := range p.jobs {
		if j.Type != prow.Periodic {
			continue
		}
		for key, set := range map[string]bool{"clone_depth": j.CloneDepth != 0, "clone_uri": j.CloneURI != "", "path_alias": j.PathAlias != ""} {
			if set {
				p.reportJob(j.Place(key), j.Name, "has no effect in a periodic, which tests no repository", "move it into the entry of extra_refs that it is about")
			}
		}
	}
}

// validDecoration looks at what the default entries make of a job of every
// repository and cluster that they name.
func validDecoration(p *Pass) {
	told := map[string]bool{}
	check := func(at config.Place, repo, cluster string) {
		d := p.Config.Decoration(parse(repo), cluster)
		for _, fault := range config.DecorationFaults(d) {
			if key := fmt.Sprint(at.Path, fault); !told[key] {
				told[key] = true
				p.report(at, "with the entries that match the same jobs: "+fault, "complete it here, or in an entry that holds for all")
			}
		}
	}
	plank := p.Config.Plank
	for i, e := range plank.DefaultDecorationEntries {
		check(p.Main("plank", "default_decoration_config_entries", i), strings.TrimPrefix(e.OrgRepo, "*"), strings.TrimPrefix(e.Cluster, "*"))
	}
	for _, k := range keysOf(plank.DefaultDecorationConfigs) {
		check(p.Main("plank", "default_decoration_configs", k), strings.TrimPrefix(k, "*"), config.DefaultCluster)
	}
}

func gerritTrigger(p *Pass) {
	re := p.Config.Gerrit.AllowedPresubmitTrigger
	if re == nil {
		return
	}
	for _, c := range p.configs() {
		for _, repo := range keysOf(c.PresubmitsStatic) {
			for i := range c.PresubmitsStatic[repo] {
				j := &c.PresubmitsStatic[repo][i]
				if !re.MatchString(j.RerunCommand) {
					p.reportJob(j.Place("rerun_command"), j.Name, fmt.Sprintf("%q does not match gerrit.allowed_presubmit_trigger_re, so comments with it are not looked at", j.RerunCommand), "change one of the two; the expression is "+re.String())
				}
			}
		}
	}
}

func sharedNames(p *Pass) {
	type use struct{ repos, limited []job }
	uses := map[string]*use{}
	for j := range p.jobs {
		if j.Repo == "" {
			continue
		}
		u := uses[j.kind()+" "+j.Name]
		if u == nil {
			u = &use{}
			uses[j.kind()+" "+j.Name] = u
		}
		if !slices.ContainsFunc(u.repos, func(o job) bool { return o.Repo == j.Repo }) {
			u.repos = append(u.repos, j)
		}
		if j.MaxConcurrency > 0 {
			u.limited = append(u.limited, j)
		}
	}
	for _, k := range keysOf(uses) {
		u := uses[k]
		if len(u.repos) < 2 {
			continue
		}
		var repos []string
		for _, j := range u.repos {
			repos = append(repos, j.Repo)
		}
		for _, j := range u.limited {
			p.reportJob(j.Place("max_concurrency"), j.Name, fmt.Sprintf("is counted by name, over the jobs of %s together", sentence(repos)), "give each its own name")
		}
	}
}

func unanchored(p *Pass) {
	bare := func(text string) bool { return !strings.ContainsAny(text, "^$") && text != ".*" }
	look := func(j *config.JobBase, b config.Brancher) {
		for key, list := range map[string][]string{"branches": b.Branches, "skip_branches": b.SkipBranches} {
			for i, text := range list {
				if bare(text) {
					p.reportJob(j.Place(key, i), j.Name, fmt.Sprintf("%q is found anywhere in the name of a branch", text), fmt.Sprintf("write ^%s$ for the branch of that name alone", text))
				}
			}
		}
	}
	for _, c := range p.configs() {
		for _, jobs := range c.PresubmitsStatic {
			for i := range jobs {
				look(&jobs[i].JobBase, jobs[i].Brancher)
			}
		}
		for _, jobs := range c.PostsubmitsStatic {
			for i := range jobs {
				look(&jobs[i].JobBase, jobs[i].Brancher)
			}
		}
	}
}

// gerrit reports whether the key of a repository is one on Gerrit.
func gerrit(repo string) bool { return strings.Contains(repo, "://") }
