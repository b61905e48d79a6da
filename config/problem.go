package config

import (
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file. Line and Column count from 1; 0 is unknown.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (p Position) String() string {
	switch {
	case p.Line > 0 && p.Column > 0:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	case p.Line > 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return p.File
}

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Position
	Kind    string `json:"kind,omitempty"`    // what sort of thing: one of the Kinds; tools choose by it
	Path    string `json:"path,omitempty"`    // of the value: presubmits."o/r"[2].spec
	Job     string `json:"job,omitempty"`     // name of the job it is about
	Text    string `json:"text"`              // what is wrong, and what was expected
	Hint    string `json:"hint,omitempty"`    // what to do: "did you mean …"
	Snippet string `json:"snippet,omitempty"` // the line itself
	Warning bool   `json:"warning,omitempty"`
}

func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.Position.String() + ": ")
	}
	if p.Job != "" {
		b.WriteString("job " + p.Job + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// The kinds of problems. They are names that tools and people's command lines
// use, so they stay as they are.
const (
	KindSyntax     = "syntax"     // not YAML, not text, too large, too deep
	KindUnreadable = "unreadable" // a file or directory that cannot be read
	KindType       = "wrong-type" // a value of another type than its key has
	KindInvalid    = "invalid"    // a value that breaks a rule

	// All that follow are warnings.
	KindUnknown       = "unknown-fields"     // a key that means nothing, in the main file, plugins.yaml or a shard
	KindUnknownAll    = "unknown-fields-all" // a key that means nothing, in a job file or in a repository
	KindDuplicate     = "duplicate-keys"     // a key that is there twice
	KindCase          = "misspelt-keys"      // a key in another case than it should be
	KindDeprecated    = "deprecated"         // an older form
	KindNoEffect      = "no-effect"          // a value that is not used
	KindUnknownAgent  = "unknown-agents"     // a job for an agent that is not Prow's
	KindUnknownPlugin = "unknown-plugins"    // a plugin that nobody knows
	KindOverlap       = "overlapping-jobs"   // two jobs of one name or context that both run for some branch, though their patterns differ
	KindUnknownPreset = "unknown-presets"    // a label that asks for a preset that is not there
)

// warns reports whether problems of the kind are warnings.
func warns(kind string) bool {
	switch kind {
	case KindSyntax, KindUnreadable, KindType, KindInvalid, "":
		return false
	}
	return true
}

// Problems is an error that lists everything found, not just the first.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, x := range p {
		lines = append(lines, x.String())
	}
	return strings.Join(lines, "\n")
}

// Lost reports whether nothing of a file is known.
func (p Problems) Lost(file string) bool {
	return file != "" && slices.ContainsFunc(p, func(x Problem) bool {
		return x.File == file && (x.Kind == KindSyntax || x.Kind == KindUnreadable)
	})
}

// WithoutMain returns what can be said of the other files while the main one is lost:
// jobs lack nothing that may stand in it.
func (p Problems) WithoutMain() Problems {
	return slices.DeleteFunc(slices.Clone(p), func(x Problem) bool {
		return x.Kind == KindInvalid || x.Kind == KindUnknownPreset || x.Kind == KindNoEffect
	})
}
