package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prow-ci/prow/config"
)

// Check is one thing that is looked for.
type Check struct {
	Name      string
	Default   bool // runs if no checks are chosen
	Expensive bool // asks the forge
	Plugins   bool // needs plugins.yaml
	Always    bool // runs whatever is chosen
	Fatal     bool // its findings are errors
	New       bool // the original has no such check
	Help      string
	// Run looks at the configuration. Nil: what it reports is found by loading.
	Run func(*Pass)
}

// All lists the checks.
func All() []Check {
	return slices.Concat(fileChecks(), jobChecks(), clusterChecks(), tideChecks(), protectionChecks(), pluginChecks(), fleetChecks())
}

func byName(name string) (*Check, bool) {
	for _, c := range All() {
		if c.Name == name {
			return &c, true
		}
	}
	return nil, false
}

// Names lists the names of all checks.
func Names() []string {
	var out []string
	for _, c := range All() {
		out = append(out, c.Name)
	}
	return out
}

// Selection says which checks to run, in the words of the command line.
type Selection struct {
	Warnings  []string // instead of those that run by default
	Exclude   []string
	Default   bool // those that run by default, beside Warnings
	Expensive bool // all of them, where those that run by default would
	App       bool // there are credentials of a GitHub App
}

// Select returns the names of the checks to run. A name in Warnings that is no
// check is an error; in Exclude it is not.
func (s Selection) Select() ([]string, error) {
	for _, name := range s.Warnings {
		if _, ok := byName(name); !ok {
			hint := config.DidYouMean(name, Names())
			if hint == "" {
				hint = "see prow checkconfig --list"
			}
			return nil, fmt.Errorf("--warnings %s: there is no such check; %s", name, hint)
		}
	}
	var out []string
	byDefault := len(s.Warnings) == 0 || s.Default
	for _, c := range All() {
		switch {
		case c.Always:
			out = append(out, c.Name)
		case slices.Contains(s.Exclude, c.Name):
		case slices.Contains(s.Warnings, c.Name), byDefault && (c.Default || s.Expensive || s.App && c.Name == appCheck):
			out = append(out, c.Name)
		}
	}
	return out, nil
}

// fileChecks are about the text of the files; loading finds what they report.
func fileChecks() []Check {
	return []Check{
		{
			Name: config.KindUnknown, Default: true,
			Help: "A key that means nothing, in the main file, in plugins.yaml or in a file that supplements them. It is misspelt, at the wrong place, or of a newer Prow: what it should do is not done.",
		},
		{
			Name: config.KindUnknownAll, Default: true,
			Help: "A key that means nothing, in a file of jobs or in a repository's own jobs.",
		},
		{
			Name: config.KindDuplicate, Default: true,
			Help: "A key that is there twice in one mapping. The last one counts, the others are lost without a word.",
		},
		{
			Name: config.KindCase, Default: true,
			Help: "A key in another case than it has. It works here, as it does in the original, but other tools will not know it.",
		},
		{
			Name: config.KindDeprecated, Default: true, New: true,
			Help: "An older form. It works; the newer one says more.",
		},
		{
			Name: config.KindNoEffect, Default: true, New: true,
			Help: "A value that nothing reads, because of what stands beside it.",
		},
		{
			Name: config.KindUnknownAgent, Default: true, New: true,
			Help: "A job whose agent is none of Prow's. Nothing of it is checked, and Prow does not run it.",
		},
		{
			Name: config.KindUnknownPreset, Default: true, New: true,
			Help: "A label preset-… on a job that no preset asks for: the volumes and variables that it should bring are missing.",
		},
	}
}

// wrap breaks text into lines of at most width characters.
func wrap(text string, width int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}

// LoadErrors lists the kinds of what keeps a configuration from loading. They are
// always reported.
func LoadErrors() []Check {
	return []Check{
		{Name: config.KindSyntax, Fatal: true, Help: "A file that is not YAML, or no text, or too much of it."},
		{Name: config.KindUnreadable, Fatal: true, Help: "A file or a folder that cannot be read."},
		{Name: config.KindType, Fatal: true, Help: "A value of another type than its key has."},
		{Name: config.KindInvalid, Fatal: true, Help: "A value that breaks a rule: Prow would refuse the configuration."},
	}
}
