// Package lint says what is odd about a configuration: what loads but does not do
// what its author wants, and what does not load.
//
// Takes: the places of the configuration, the checks to run, and functions for
// what only the outside knows. Gives: a Result, all findings of one run, each with
// its place. Woken by: `prow checkconfig`.
package lint

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Options say what is checked, and how.
type Options struct {
	Paths  config.Paths
	Checks []string // names of those to run, see Select
	// Named are the checks that a person asked for by name. What is new in this
	// Prow counts under Strict only then.
	Named  []string
	Strict bool // warnings count as errors

	// Plugins names the plugins of this Prow. Sections checks the sections of
	// plugins.yaml; what is only odd it adds to the Config's Warnings.
	Plugins  []string
	Sections func(*config.Config) error

	// InRepo is the repository whose own jobs are in Tree; zero for none. Root is
	// put before the names of its files.
	InRepo prow.Repo
	Tree   fs.FS
	Root   string
	// Alone says that the main file only stands in for that of an installation,
	// which is not known; it is not counted.
	Alone bool

	Annotations []string // that every job has to have
	// Clusters lists the build clusters; empty: they are not known.
	Clusters []string
	// ClusterStatus reads plank.build_cluster_status_file; nil: it is not read.
	ClusterStatus func(ctx context.Context, path string) (map[string]string, error)
	// OwnersFile reports whether the default branch of a repository has the file
	// at its root; nil: it is not asked.
	OwnersFile func(ctx context.Context, r prow.Repo, name string) (bool, error)
	// Repositories lists the repositories of an organisation that are in use; nil:
	// only those that the configuration names are looked at.
	Repositories func(ctx context.Context, owner string) ([]prow.Repo, error)
	// AppInstalled lists the organisations and users that installed the GitHub
	// App; nil: it is not asked.
	AppInstalled func(ctx context.Context) ([]string, error)
}

// Severity says how much a finding matters.
type Severity string

// The severities, and what each does to the outcome.
const (
	Error   Severity = "error"   // fails
	Warning Severity = "warning" // fails if Strict
	Note    Severity = "note"    // never fails
)

// Finding is one thing that was found; its Kind is the name of the check.
type Finding struct {
	config.Problem
	Severity Severity `json:"severity"`
}

// Result is what one run found.
type Result struct {
	Findings []Finding
	Ran      []string // names of the checks
	Files    int
	Jobs     int
	// Undone says which checks could not be done, and what they lack.
	Undone []string
	Strict bool
	// Quiet leaves out of Text what fails nothing; it is counted all the same.
	Quiet bool
}

// Count counts the findings of a severity.
func (r *Result) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Failed reports whether the configuration is not good enough.
func (r *Result) Failed() bool { return slices.ContainsFunc(r.Findings, r.fails) }

func (r *Result) fails(f Finding) bool {
	return f.Severity == Error || r.Strict && f.Severity == Warning
}

// Run loads the configuration and runs the checks. It never fails: what goes
// wrong is a finding.
func Run(ctx context.Context, o Options) *Result {
	p := &Pass{Options: o, Inspection: config.Inspect(ctx, o.Paths), ctx: ctx}
	lost, lostPlugins := p.Problems.Lost(o.Paths.Config), p.Problems.Lost(o.Paths.PluginConfig)
	if lost {
		p.Problems = p.Problems.WithoutMain()
	}
	p.loaded(p.Problems)
	if !lost {
		p.sections()
		p.inRepo()
	}
	if o.Alone {
		p.Files--
	}
	r := &Result{Files: p.Files, Jobs: p.jobCount(), Strict: o.Strict}
	for _, c := range All() {
		switch {
		case !slices.Contains(o.Checks, c.Name), c.Plugins && o.Paths.PluginConfig == "":
		case c.Run == nil:
			r.Ran = append(r.Ran, c.Name)
		case !lost && !(c.Plugins && lostPlugins):
			r.Ran = append(r.Ran, c.Name)
			p.run(&c)
		}
	}
	switch {
	case lost:
		p.undone = append(p.undone, "whatever takes a sound "+o.Paths.Config)
	case lostPlugins:
		p.undone = append(p.undone, "whatever takes a sound "+o.Paths.PluginConfig)
	}
	p.place()
	r.Findings, r.Undone = p.sorted(), p.undone
	return r
}

// Pass is what a check sees, and where it leaves its findings.
type Pass struct {
	Options
	*config.Inspection

	ctx     context.Context
	own     *config.JobConfig  // jobs of the repository itself
	scopes  map[string][]scope // see mentioned
	check   *Check
	found   []Finding
	pending []pending
	undone  []string
}

// pending is a finding whose place is not looked up yet.
type pending struct {
	Finding
	at config.Place
}

// run runs a check. One that panics, which a configuration that does not load may
// make it do, says so.
func (p *Pass) run(c *Check) {
	p.check = c
	defer func() {
		if v := recover(); v != nil {
			p.lacks(fmt.Sprintf("it failed in a way that should not be possible: %v; please report it", v))
		}
	}()
	c.Run(p)
}

// report notes a finding of the check that runs.
func (p *Pass) report(at config.Place, text, hint string) { p.reportJob(at, "", text, hint) }

// reportJob notes a finding about a job.
func (p *Pass) reportJob(at config.Place, job, text, hint string) {
	p.pending = append(p.pending, pending{Finding{config.Problem{Kind: p.check.Name, Job: job, Text: text, Hint: hint, Warning: true}, p.severity(p.check)}, at})
}

// aside notes what matters for the moment only, whatever check it comes from.
func (p *Pass) aside(at config.Place, job, text string) {
	p.pending = append(p.pending, pending{Finding{config.Problem{Kind: p.check.Name, Job: job, Text: text, Warning: true}, Note}, at})
}

// lacks says that the check that runs could not be done.
func (p *Pass) lacks(why string) { p.undone = append(p.undone, p.check.Name+": "+why) }

func (p *Pass) severity(c *Check) Severity {
	switch {
	case c.Fatal:
		return Error
	case c.New && !slices.Contains(p.Named, c.Name):
		return Note
	}
	return Warning
}

// loaded takes over what was found while loading: errors all, warnings as far as
// their check is wanted.
func (p *Pass) loaded(found config.Problems) {
	for _, x := range found {
		if !x.Warning {
			p.found = append(p.found, Finding{x, Error})
			continue
		}
		c, ok := byName(x.Kind)
		if ok && !p.wants(c.Name) {
			continue
		}
		s := Note
		if ok {
			s = p.severity(c)
		}
		p.found = append(p.found, Finding{x, s})
	}
}

// wants reports whether what loading finds for the check is reported: to ask for
// unknown keys everywhere is to ask for those of the main files, too.
func (p *Pass) wants(check string) bool {
	return slices.Contains(p.Checks, check) || check == config.KindUnknown && slices.Contains(p.Checks, config.KindUnknownAll)
}

// place looks up where the findings are.
func (p *Pass) place() {
	for _, f := range p.pending {
		p.Put(&f.Problem, f.at)
		p.found = append(p.found, f.Finding)
	}
	p.pending = nil
	p.nameJobs()
	for i := range p.found {
		f := &p.found[i]
		if f.Snippet == "" && f.Line > 0 {
			f.Snippet = p.Line(f.File, f.Line)
		}
	}
}

// sorted returns the findings by place, each once.
func (p *Pass) sorted() []Finding {
	slices.SortStableFunc(p.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
	})
	return slices.CompactFunc(p.found, func(a, b Finding) bool {
		return a.Position == b.Position && a.Text == b.Text && (a.Line > 0 || a.Path == b.Path)
	})
}

// sections checks the sections of plugins.yaml.
func (p *Pass) sections() {
	if p.Sections == nil || p.Paths.PluginConfig == "" {
		return
	}
	p.Config.Warnings = nil
	err := p.Sections(p.Config)
	odd := slices.DeleteFunc(p.Config.Warnings, func(x config.Problem) bool {
		return x.Kind == config.KindUnknownPlugin // see unknownPlugins
	})
	p.Config.Warnings = nil
	for _, found := range []config.Problems{odd, problems(err)} {
		for i := range found {
			if x := &found[i]; x.Snippet == "" && x.Path != "" { // of a section that several files have a part of
				p.Put(x, p.InPlugins(config.ParsePath(x.Path)...))
			}
		}
		p.loaded(found)
	}
}

func problems(err error) config.Problems {
	if err == nil {
		return nil
	}
	if found, ok := err.(config.Problems); ok {
		return found
	}
	return config.Problems{{Kind: config.KindInvalid, Text: err.Error()}}
}

// quoted lists names for a sentence.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(out, ", ")
}
