package config

import (
	"path"
	"regexp"
	"strings"
)

// ignoreRule is one line of a .prowignore, which has the syntax of .gitignore.
type ignoreRule struct {
	re      *regexp.Regexp
	negated bool
	dirOnly bool
}

// parseIgnore reads the rules of the file in dir.
func parseIgnore(dir, text string) []ignoreRule {
	var out []ignoreRule
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if r, ok := parseIgnoreLine(dir, line); ok {
			out = append(out, r)
		}
	}
	return out
}

func parseIgnoreLine(dir, line string) (ignoreRule, bool) {
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if line == "" || strings.HasPrefix(line, "#") {
		return ignoreRule{}, false
	}
	var r ignoreRule
	line, r.negated = strings.CutPrefix(line, "!")
	line, r.dirOnly = strings.CutSuffix(line, "/")
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return ignoreRule{}, false
	}
	prefix := ""
	if dir != "." {
		prefix = regexp.QuoteMeta(dir) + "/"
	}
	if !anchored {
		prefix += "(?:.*/)?"
	}
	re, err := regexp.Compile("^" + prefix + globRegexp(line) + "$")
	if err != nil {
		return ignoreRule{}, false // git, too, ignores what it cannot read
	}
	r.re = re
	return r, true
}

// globRegexp translates one pattern.
func globRegexp(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case strings.HasPrefix(glob[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(glob[i:], "/**") && i+3 == len(glob):
			b.WriteString("/.*")
			i += 2
		case c == '*':
			for i+1 < len(glob) && glob[i+1] == '*' {
				i++
			}
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[' && strings.IndexByte(glob[i+1:], ']') > 0:
			end := i + 1 + strings.IndexByte(glob[i+1:], ']')
			set := strings.ReplaceAll(glob[i+1:end], `\`, `\\`)
			if after, ok := strings.CutPrefix(set, "!"); ok {
				set = "^" + after
			}
			b.WriteString("[" + set + "]")
			i = end
		case c == '\\' && i+1 < len(glob):
			i++
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	return b.String()
}

// ignored reports whether the last rule that matches name hides it.
func ignored(rules []ignoreRule, name string, dir bool) bool {
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		if (!r.dirOnly || dir) && r.re.MatchString(path.Clean(name)) {
			return !r.negated
		}
	}
	return false
}
