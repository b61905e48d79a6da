package config

import (
	"regexp"
	"strings"
	"sync"
)

// regexps compiles each expression once; many jobs share one. Its zero value
// remembers nothing.
type regexps struct{ known, above, patterns *sync.Map }

func newRegexps() regexps { return regexps{known: &sync.Map{}, patterns: &sync.Map{}} }

// below returns regexps that know what r knows, and keep for themselves what they
// learn: what a repository says must not stay for as long as the configuration.
func (r regexps) below() regexps { return regexps{&sync.Map{}, r.known, &sync.Map{}} }

// get compiles text.
func (r regexps) get(text string) (*regexp.Regexp, error) {
	for _, m := range []*sync.Map{r.known, r.above} {
		if m == nil {
			continue
		}
		if re, ok := m.Load(text); ok {
			return re.(*regexp.Regexp), nil
		}
	}
	re, err := regexp.Compile(text)
	if err == nil && r.known != nil {
		r.known.Store(text, re)
	}
	return re, err
}

// compile compiles text, or says at its place what is wrong with it.
func (r regexps) compile(at spot, text string) *regexp.Regexp {
	re, err := r.get(text)
	if err != nil {
		at.wrong(badRegexp(text, err))
		return nil
	}
	return re
}

func badRegexp(text string, err error) string {
	return "is not a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ") + " (in " + text + ")"
}

// branches compiles a job's branch rules.
func (f *finisher) branches(at spot, b *Brancher) {
	b.re = f.joined(at.at("branches"), b.Branches)
	b.skipRe = f.joined(at.at("skip_branches"), b.SkipBranches)
}

// joined compiles the list as one expression; each member has to compile alone.
func (f *finisher) joined(at spot, list []string) *regexp.Regexp {
	if len(list) == 0 {
		return nil
	}
	re, err := f.res.get(strings.Join(list, "|"))
	if err == nil {
		return re
	}
	for i, one := range list {
		f.res.compile(at.at(i), one)
	}
	return nil
}

// changes compiles a job's rules on files.
func (f *finisher) changes(at spot, c *ChangeMatcher) {
	switch {
	case c.RunIfChanged != "" && c.SkipIfOnlyChanged != "":
		at.at("skip_if_only_changed").hinted("goes not together with run_if_changed", "keep one of the two")
	case c.RunIfChanged != "":
		c.changes = f.pattern(at.at("run_if_changed"), c.RunIfChanged)
	case c.SkipIfOnlyChanged != "":
		c.changes = f.pattern(at.at("skip_if_only_changed"), c.SkipIfOnlyChanged)
	}
}

// pattern compiles a rule on files; equal ones are one.
func (f *finisher) pattern(at spot, text string) *pattern {
	re := f.res.compile(at, text)
	if re == nil {
		return nil
	}
	p, _ := f.res.patterns.LoadOrStore(text, newPattern(re))
	return p.(*pattern)
}

// defaultTrigger is the expression for comments that start the job, where none
// is configured.
func defaultTrigger(name string) string {
	return `(?m)^/test( | .* )` + regexp.QuoteMeta(name) + `,?($|\s.*)`
}
