package config

import "strings"

// Comment is a text that many jobs look for their trigger in.
type Comment struct {
	text  string
	named map[string]bool // what the lines "/test a b" name
}

// NewComment returns text as jobs look at it.
func NewComment(text string) *Comment {
	c := &Comment{text: text, named: map[string]bool{}}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "/test "); ok {
			c.name(rest)
		}
	}
	return c
}

// name notes the words of a line: as the expression of defaultTrigger has it,
// they stand after a blank, and a comma may follow.
func (c *Comment) name(line string) {
	for blank := true; line != ""; {
		n := strings.IndexAny(line, "\t\f\r ")
		if n < 0 {
			n = len(line)
		}
		if word := line[:n]; blank && word != "" {
			c.named[word] = true
			c.named[strings.TrimSuffix(word, ",")] = true
		}
		if n == len(line) {
			return
		}
		blank, line = line[n] == ' ', line[n+1:]
	}
}

// Triggers reports whether the comment asks for p by its trigger.
func (c *Comment) Triggers(p *Presubmit) bool {
	if p.trigger != nil {
		return p.trigger.MatchString(c.text)
	}
	return c.named[p.Name]
}
