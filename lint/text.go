package lint

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// paint colours text for a terminal.
type paint bool

const (
	bold   = "1"
	red    = "1;31"
	yellow = "1;33"
	cyan   = "1;36"
	blue   = "34"
)

func (p paint) in(style, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (p paint) severity(s Severity) string {
	switch s {
	case Error:
		return p.in(red, string(s))
	case Warning:
		return p.in(yellow, string(s))
	}
	return p.in(cyan, string(s))
}

// Text writes the findings as a compiler would: place, what is wrong, the line,
// and what to do; a count at the end. colour is for terminals.
func (r *Result) Text(out io.Writer, colour bool) error {
	w, p := bufio.NewWriter(out), paint(colour)
	for _, f := range r.Findings {
		if !r.Quiet || r.fails(f) {
			f.write(w, p)
			fmt.Fprintln(w)
		}
	}
	for _, u := range r.Undone {
		fmt.Fprintf(w, "not done: %s\n", plain(u))
	}
	fmt.Fprintln(w, p.in(bold, r.Summary()))
	for _, c := range r.byCheck() {
		fmt.Fprintf(w, "  %5d  %s\n", c.n, c.name)
	}
	return w.Flush()
}

func (f *Finding) write(w io.Writer, p paint) {
	place := f.Position.String()
	if place != "" {
		place = p.in(bold, plain(place)) + ": "
	}
	fmt.Fprintf(w, "%s%s: %s %s\n", place, p.severity(f.Severity), plain(f.Message()), p.in(blue, "["+f.Kind+"]"))
	if f.Snippet != "" {
		number := fmt.Sprint(f.Line)
		margin := strings.Repeat(" ", max(5, len(number)))
		fmt.Fprintf(w, "%*s | %s\n", len(margin), number, plain(f.Snippet))
		if f.Column > 0 && f.Column <= 1+utf8.RuneCountInString(f.Snippet) {
			fmt.Fprintf(w, "%s | %s%s\n", margin, blankUntil(f.Snippet, f.Column), p.in(red, "^"))
		}
	}
	if f.Hint != "" {
		fmt.Fprintf(w, "      = %s\n", plain(f.Hint))
	}
}

// Message is the finding in one sentence: whose value, and what of it.
func (f *Finding) Message() string {
	path, subject := f.Path, ""
	if f.Job != "" {
		repo, rest := inJob(f.Path)
		subject, path = "job "+f.Job, rest
		if repo != "" {
			subject += " of " + repo
		}
		subject += ": "
	}
	if path != "" {
		subject += path + ": "
	}
	return subject + f.Text
}

// inJob splits the path of a value in a job: the job's repository, if the path has
// one, and the rest from the job on. Of any other path the rest is all.
func inJob(path string) (repo, rest string) {
	for _, list := range []string{"presubmits", "postsubmits", "periodics"} {
		rest, ok := strings.CutPrefix(path, list)
		if !ok {
			continue
		}
		if quoted, ok := strings.CutPrefix(rest, ".\""); ok {
			if repo, rest, ok = strings.Cut(quoted, "\""); !ok {
				break
			}
		}
		if _, after, ok := strings.Cut(rest, "]"); ok {
			return repo, strings.TrimPrefix(after, ".")
		}
	}
	return "", path
}

// blankUntil returns what is as wide as the characters of line before the column.
func blankUntil(line string, column int) string {
	var b strings.Builder
	for _, r := range line {
		if column--; column <= 0 {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// plain removes what a terminal would obey.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		if r == '\n' {
			return ' '
		}
		return -1
	}, s)
}

// Summary is the outcome in one sentence.
func (r *Result) Summary() string {
	e, w, n := r.Count(Error), r.Count(Warning), r.Count(Note)
	what := "no findings"
	if e+w+n > 0 {
		var parts []string
		for _, c := range []struct {
			n    int
			word string
		}{{e, "error"}, {w, "warning"}, {n, "note"}} {
			if c.n > 0 {
				parts = append(parts, plural(c.n, c.word))
			}
		}
		what = strings.Join(parts, ", ")
	}
	if r.Failed() && e == 0 {
		what += " (--strict: warnings fail)"
	}
	return fmt.Sprintf("%s in %s, %s, %s", what, plural(r.Files, "file"), plural(r.Jobs, "job"), plural(len(r.Ran), "check"))
}

func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// tally is how often a check found something.
type tally struct {
	name string
	n    int
}

func (r *Result) byCheck() []tally {
	counts := map[string]int{}
	for _, f := range r.Findings {
		counts[f.Kind]++
	}
	var out []tally
	for _, k := range keysOf(counts) {
		out = append(out, tally{k, counts[k]})
	}
	slices.SortStableFunc(out, func(a, b tally) int { return cmp.Compare(b.n, a.n) })
	return out
}
