package config

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// assemble joins what the files say into c.
func (l *loader) assemble(c *Config, in *inputs, rep *report) {
	main := &mainFile{}
	name := ""
	if in.main != nil {
		main, name = in.main.value.(*mainFile), in.main.name
	}
	top := spot{rep: rep, file: name}
	for _, s := range in.extra {
		mergeShard(&main.ProwConfig, &s.value.(*shardFile).ProwConfig, spot{rep: rep, file: s.name})
	}
	explicit := main.DefaultJobTimeout
	c.ProwConfig = main.ProwConfig
	c.Version = cmp.Or(main.ConfigVersionSHA, c.Version)
	c.complete(top, l.res, c.Loaded)
	l.jobs(c, in, &main.JobConfig, explicit, rep)
	c.Plugins = assemblePlugins(in, rep)
	c.Plugins.codec = l.codec
}

// jobs finishes the jobs of every file, on all cores, and joins them.
func (l *loader) jobs(c *Config, in *inputs, main *JobConfig, timeout *metav1.Duration, rep *report) {
	presets := joinPresets(in, main, rep)
	s := &shared{
		namespace: c.PodNamespace, decorateAll: main.DecorateAllJobs, decorations: c.Plank.decorations(),
		defaults: c.ProwJobDefaultEntries, queues: c.Plank.JobQueueCapacities, presets: presets, presetLabels: labelsOf(presets), precise: l.precise, added: &atomic.Int64{},
	}
	if timeout != nil {
		s.timeout = &prow.Duration{Duration: timeout.Duration}
	}
	files := slices.Clone(in.jobs)
	if in.main != nil {
		files = append([]*source{in.main}, files...)
	}
	pieces := make([]*piece, len(files))
	key := s.key()
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, f := range files {
		if p := l.kept[f.name]; p != nil && p.of == f.hash && p.with == key {
			pieces[i] = p
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			pieces[i] = s.finish(f, l.res)
			pieces[i].of, pieces[i].with = f.hash, key
		})
	}
	wg.Wait()
	c.JobConfig = JobConfig{
		Presets: s.presets, DecorateAllJobs: main.DecorateAllJobs,
		PresubmitsStatic: map[string][]Presubmit{}, PostsubmitsStatic: map[string][]Postsubmit{},
	}
	periodics := 0
	for _, p := range pieces {
		periodics += len(p.jobs.Periodics)
	}
	c.Periodics = make([]Periodic, 0, periodics)
	l.kept = map[string]*piece{}
	var faults []defaultFault
	for i, p := range pieces {
		l.kept[files[i].name] = p
		rep.problems = append(rep.problems, p.problems...)
		faults = append(faults, p.faults...)
		c.join(&p.jobs)
	}
	c.tellDefaults(in, faults, rep)
	c.periodic = make(map[string]int, len(c.Periodics))
	for i := range c.Periodics {
		c.periodic[c.Periodics[i].Name] = i
	}
	c.shared = s
	checkTwice(c, rep)
}

func (s *source) jobs() *JobConfig {
	if m, ok := s.value.(*mainFile); ok {
		return &m.JobConfig
	}
	return s.value.(*JobConfig)
}

func (c *JobConfig) join(more *JobConfig) {
	for repo, jobs := range more.PresubmitsStatic {
		c.PresubmitsStatic[repo] = append(c.PresubmitsStatic[repo], jobs...)
	}
	for repo, jobs := range more.PostsubmitsStatic {
		c.PostsubmitsStatic[repo] = append(c.PostsubmitsStatic[repo], jobs...)
	}
	c.Periodics = append(c.Periodics, more.Periodics...)
}

// joinPresets lists the presets of all files, the main one's first.
func joinPresets(in *inputs, main *JobConfig, rep *report) []Preset {
	type pair struct{ key, value string }
	seen := map[pair]string{}
	var out []Preset
	from := func(file string, presets []Preset) {
		for i, p := range presets {
			for _, k := range keysOf(p.Labels) {
				id := pair{k, p.Labels[k]}
				if first, ok := seen[id]; ok {
					at := spot{rep: rep, file: file, path: trail{"presets", i, "labels", k}}
					text, hint := "another preset has the label "+k+": "+id.value+" too", "the other is in "+first
					if len(in.jobs) == 0 { // the original looks only where files are joined
						at.warn(KindDuplicate, text, hint)
					} else {
						at.hinted(text, hint)
					}
				}
				seen[id] = file
			}
			out = append(out, p)
		}
	}
	if in.main != nil {
		from(in.main.name, main.Presets)
	}
	for _, f := range in.jobs {
		from(f.name, f.jobs().Presets)
	}
	return out
}
