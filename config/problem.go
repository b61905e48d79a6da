package config

import (
	"fmt"
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

// Problems is an error that lists everything found, not just the first.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, x := range p {
		lines = append(lines, x.String())
	}
	return strings.Join(lines, "\n")
}
