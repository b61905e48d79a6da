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
	for _, repo := range keysOf(p.Config.PresubmitsStatic) {
		for i := range p.Config.PresubmitsStatic[repo] {
			if !yield(job{&p.Config.PresubmitsStatic[repo][i].JobBase, prow.Presubmit, repo, false}) {
				return
			}
		}
	}
	for _, repo := range keysOf(p.Config.PostsubmitsStatic) {
		for i := range p.Config.PostsubmitsStatic[repo] {
			if !yield(job{&p.Config.PostsubmitsStatic[repo][i].JobBase, prow.Postsubmit, repo, false}) {
				return
			}
		}
	}
	for i := range p.Config.Periodics {
		if !yield(job{&p.Config.Periodics[i].JobBase, prow.Periodic, "", false}) {
			return
		}
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
			at := j.Place("name")
			if j.Decorate != nil {
				at = j.Place("decorate")
			}
			p.reportJob(at, j.Name, "is not decorated: Prow neither clones for it nor keeps its log and artifacts", "say decorate: true")
		}
	}
}

const maxName = 63 // of a label value in Kubernetes

func longJobNames(p *Pass) {
	for j := range p.jobs {
		if len(j.Name) > maxName {
			p.reportJob(j.Place("name"), j.Name, fmt.Sprintf("the name has %d characters, more than the %d that a label holds", len(j.Name), maxName), "shorten it")
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

// gerrit reports whether the key of a repository is one on Gerrit.
func gerrit(repo string) bool { return strings.Contains(repo, "://") }
