package kube

import (
	"path"
	"slices"
	"strings"
	"unique"

	prow "github.com/prow-ci/prow"
)

// match is a prow.JobFilter made ready to be asked of many jobs.
type match struct {
	prow.JobFilter

	job, org, repo, base, baseSHA, cluster, queue, author *atom
	pattern                                               string
	labels                                                []atom
}

func newMatch(f prow.JobFilter) *match {
	m := &match{JobFilter: f}
	for to, text := range map[**atom]string{
		&m.org: f.Repo.Owner, &m.repo: f.Repo.Name, &m.base: f.Base, &m.baseSHA: f.BaseSHA,
		&m.cluster: f.Cluster, &m.queue: f.Queue, &m.author: f.Author, &m.job: f.Job,
	} {
		if text != "" {
			a := unique.Make(text)
			*to = &a
		}
	}
	if strings.Contains(f.Job, "*") {
		m.job = nil
		// A job name has no slash for path.Match to stop at once these are not
		// slashes any more.
		m.pattern = noSlash(strings.NewReplacer(`\`, `\\`, "[", `\[`, "?", `\?`).Replace(f.Job))
	}
	for k, v := range f.Labels {
		m.labels = append(m.labels, label(k, v))
	}
	return m
}

func noSlash(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

// open reports whether only incomplete jobs can match.
func (m *match) open() bool {
	if m.Complete != nil {
		return !*m.Complete
	}
	return len(m.States) > 0 && !slices.ContainsFunc(m.States, prow.State.Final)
}

func (m *match) matches(e *entry) bool {
	is := func(want *atom, got atom) bool { return want == nil || *want == got }
	switch {
	case m.Complete != nil && *m.Complete != e.complete,
		m.Visible && e.hidden,
		len(m.States) > 0 && !slices.Contains(m.States, e.state),
		!is(m.org, e.org), !is(m.repo, e.repo), !is(m.job, e.job), !is(m.base, e.base), !is(m.baseSHA, e.baseSHA),
		!is(m.cluster, e.cluster), !is(m.queue, e.queue),
		m.BuildID != "" && m.BuildID != e.build,
		!m.Since.IsZero() && e.created.Before(m.Since),
		!m.Until.IsZero() && !e.created.Before(m.Until),
		len(m.Types) > 0 && !slices.Contains(m.Types, prow.Type(e.typ.Value())),
		m.Pull != 0 && !slices.ContainsFunc(e.pulls, func(p pull) bool { return p.number == m.Pull }),
		m.SHA != "" && !slices.ContainsFunc(e.pulls, func(p pull) bool { return p.sha == m.SHA }),
		m.author != nil && !slices.ContainsFunc(e.pulls, func(p pull) bool { return p.author == *m.author }),
		slices.ContainsFunc(m.labels, func(l atom) bool { return !slices.Contains(e.labels, l) }):
		return false
	}
	if m.pattern != "" {
		ok, _ := path.Match(m.pattern, noSlash(e.job.Value())) // the pattern is well formed
		return ok
	}
	return true
}
