package triage

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// generated knows which files of a repository are made by tools.
type generated struct {
	pathPrefixes []string
	filePrefixes []string
	fileNames    []string
	paths        map[string]bool
	attributes   []attribute
}

// attribute is a line of .gitattributes about linguist-generated.
type attribute struct {
	pattern *regexp.Regexp
	is      bool
}

func (g *generated) has(file string) bool {
	base := path.Base(file)
	starts := func(prefixes []string, s string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
	}
	if g.paths[file] || slices.Contains(g.fileNames, base) || starts(g.pathPrefixes, file) || starts(g.filePrefixes, base) {
		return true
	}
	for _, a := range slices.Backward(g.attributes) { // the last that matches counts
		if a.pattern.MatchString(file) {
			return a.is
		}
	}
	return false
}

// readList reads .generated_files; lines that are not understood are left out.
func (g *generated) readList(text []byte, read func(name string) ([]byte, error)) {
	if g.paths == nil {
		g.paths = map[string]bool{}
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		value = strings.TrimSpace(value)
		if key == "" || value == "" || strings.HasPrefix(key, "#") {
			continue
		}
		switch key {
		case "prefix", "path-prefix":
			g.pathPrefixes = append(g.pathPrefixes, value)
		case "file-prefix":
			g.filePrefixes = append(g.filePrefixes, value)
		case "file-name":
			g.fileNames = append(g.fileNames, value)
		case "path":
			g.paths[value] = true
		case "paths-from-repo":
			list, err := read(value)
			if err != nil {
				continue
			}
			for p := range strings.Lines(string(list)) {
				if p = strings.TrimSpace(p); p != "" && !strings.HasPrefix(p, "#") {
					g.paths[p] = true
				}
			}
		}
	}
}

// readAttributes reads .gitattributes; patterns that git does not allow there
// are left out.
func (g *generated) readAttributes(text []byte) {
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || strings.HasPrefix(words[0], "#") || strings.HasPrefix(words[0], "!") || strings.HasSuffix(words[0], "/") || !utf8.ValidString(words[0]) {
			continue
		}
		for _, attr := range words[1:] {
			var is bool
			switch attr {
			case "linguist-generated", "linguist-generated=true":
				is = true
			case "-linguist-generated", "linguist-generated=false":
			default:
				continue
			}
			g.attributes = append(g.attributes, attribute{glob(words[0]), is})
		}
	}
}

// glob turns a pattern of gitattributes into a regular expression: without a
// slash it matches the file's name in any directory, * stays within a name, **
// does not.
func glob(pattern string) *regexp.Regexp {
	var b strings.Builder
	anchored := strings.Contains(pattern, "/")
	pattern = strings.TrimPrefix(pattern, "/")
	b.WriteString("^")
	if !anchored {
		b.WriteString("(?:.*/)?")
	}
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			i++
		case rest[0] == '*':
			b.WriteString("[^/]*")
		case rest[0] == '?':
			b.WriteString("[^/]")
		case rest[0] == '[' && class(rest) > 0:
			n := class(rest)
			in := strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(rest[1:n])
			if not, ok := strings.CutPrefix(in, "!"); ok {
				in = "^" + not
			}
			b.WriteString("[" + in + "]")
			i += n
		default:
			_, n := utf8.DecodeRuneInString(rest)
			b.WriteString(regexp.QuoteMeta(rest[:n]))
			i += n - 1
		}
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	if err != nil { // a strange class of characters: take it literally
		return regexp.MustCompile("^" + regexp.QuoteMeta(pattern) + "$")
	}
	return re
}

// class returns where the class of characters that s begins with ends, or 0.
func class(s string) int {
	if len(s) < 3 {
		return 0
	}
	if i := strings.IndexByte(s[2:], ']'); i >= 0 {
		return i + 2
	}
	return 0
}
