// Package compare says in what two configurations differ: jobs that came and went,
// and every field that changed, of jobs and of all else.
//
// Takes: two loaded configurations. Gives: a Diff, as text, JSON or Markdown. Woken
// by: `prow diff`.
//
// Jobs are compared as they are after loading, with defaults, presets and merged
// decoration, so that a changed default shows at every job it reaches. A job is the
// same on both sides if type, repository and name are; where several are, those with
// equal branches belong together, and what remains of them in order.
package compare

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Diff is all that differs. Its JSON is documented in docs/plan.md: keys are added,
// not renamed.
type Diff struct {
	Added   []Job        `json:"added"`
	Removed []Job        `json:"removed"`
	Changed []ChangedJob `json:"changed"`
	Config  []Change     `json:"config"`  // the main file, presets included
	Plugins []Change     `json:"plugins"` // plugins.yaml
}

// Job is a configured job, and where it is written.
type Job struct {
	Type         prow.Type `json:"type"`
	Repo         string    `json:"repo,omitempty"` // of periodics ""
	Name         string    `json:"job"`
	Branches     []string  `json:"branches,omitempty"`
	SkipBranches []string  `json:"skip_branches,omitempty"`
	File         string    `json:"file,omitempty"`
	Line         int       `json:"line,omitempty"`
}

// ChangedJob is a job as it is now, and what changed of it.
type ChangedJob struct {
	Job
	Changes []Change `json:"changes"`
}

// Change is one value that differs. Old is absent where it was added, New where it
// was removed.
type Change struct {
	Path string `json:"path"` // spec.containers[test].args[]
	Old  Value  `json:"old,omitempty"`
	New  Value  `json:"new,omitempty"`
}

// Value is JSON; "" is no value.
type Value string

// MarshalJSON writes the value itself.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(v), nil }

// Empty reports that nothing differs.
func (d *Diff) Empty() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.Config)+len(d.Plugins) == 0
}

// Configs compares two configurations. Neither is changed.
func Configs(before, after *config.Config) *Diff {
	d := &Diff{Added: []Job{}, Removed: []Job{}, Changed: []ChangedJob{}}
	t := types{}
	d.jobs(t, before, after)
	type file struct {
		config.ProwConfig
		Presets         []config.Preset `json:"presets,omitempty"`
		DecorateAllJobs bool            `json:"decorate_all_jobs,omitempty"`
	}
	d.Config = t.changes(
		file{before.ProwConfig, before.Presets, before.DecorateAllJobs},
		file{after.ProwConfig, after.Presets, after.DecorateAllJobs})
	d.Plugins = slices.Concat(t.changes(before.Plugins, after.Plugins), t.changes(sections(before.Plugins), sections(after.Plugins)))
	return d
}

// sections returns the sections of plugins.yaml that plugins read themselves.
func sections(p *config.Plugins) map[string]any {
	out := map[string]any{}
	for key, raw := range p.Sections {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			v = string(raw) // it was JSON when it was loaded
		}
		out[key] = v
	}
	return out
}

// side is one job of one configuration.
type side struct {
	job   Job
	value reflect.Value // of the configured job
}

// identity is what makes a job the same on both sides, apart from its branches.
type identity struct {
	kind       prow.Type
	repo, name string
}

func (d *Diff) jobs(t types, before, after *config.Config) {
	old, order := jobsOf(before)
	new, more := jobsOf(after)
	for _, id := range more {
		if _, ok := old[id]; !ok {
			order = append(order, id)
		}
	}
	for _, id := range order {
		pairs, removed, added := match(old[id], new[id])
		for _, p := range pairs {
			if c := t.changed(p[0].value, p[1].value); len(c) > 0 {
				d.Changed = append(d.Changed, ChangedJob{p[1].job, c})
			}
		}
		for _, s := range removed {
			d.Removed = append(d.Removed, s.job)
		}
		for _, s := range added {
			d.Added = append(d.Added, s.job)
		}
	}
}

// jobsOf lists the jobs of cfg by identity, and the identities in a lasting order.
func jobsOf(cfg *config.Config) (map[identity][]side, []identity) {
	out := map[identity][]side{}
	var order []identity
	add := func(t prow.Type, repo string, j *config.JobBase, b config.Brancher, v reflect.Value) {
		id := identity{t, repo, j.Name}
		if _, ok := out[id]; !ok {
			order = append(order, id)
		}
		out[id] = append(out[id], side{Job{t, repo, j.Name, b.Branches, b.SkipBranches, j.Source.File, j.Source.Line}, v})
	}
	for _, repo := range slices.Sorted(maps.Keys(cfg.PresubmitsStatic)) {
		list := cfg.PresubmitsStatic[repo]
		for i := range list {
			add(prow.Presubmit, repo, &list[i].JobBase, list[i].Brancher, reflect.ValueOf(&list[i]))
		}
	}
	for _, repo := range slices.Sorted(maps.Keys(cfg.PostsubmitsStatic)) {
		list := cfg.PostsubmitsStatic[repo]
		for i := range list {
			add(prow.Postsubmit, repo, &list[i].JobBase, list[i].Brancher, reflect.ValueOf(&list[i]))
		}
	}
	for i := range cfg.Periodics {
		add(prow.Periodic, "", &cfg.Periodics[i].JobBase, config.Brancher{}, reflect.ValueOf(&cfg.Periodics[i]))
	}
	return out, order
}

// match pairs jobs of one identity: by branches, then in order.
func match(old, new []side) (pairs [][2]side, removed, added []side) {
	added = slices.Clone(new)
	for _, o := range old {
		i := slices.IndexFunc(added, func(n side) bool {
			return slices.Equal(o.job.Branches, n.job.Branches) && slices.Equal(o.job.SkipBranches, n.job.SkipBranches)
		})
		if i < 0 {
			removed = append(removed, o)
			continue
		}
		pairs = append(pairs, [2]side{o, added[i]})
		added = slices.Delete(added, i, i+1)
	}
	n := min(len(removed), len(added))
	for i := range n {
		pairs = append(pairs, [2]side{removed[i], added[i]})
	}
	return pairs, removed[n:], added[n:]
}
