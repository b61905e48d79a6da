package config

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/template"

	prow "github.com/prow-ci/prow"
)

// keysOf returns the keys of m, sorted.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// maxMeant is how many words are looked through for what may have been meant.
const maxMeant = 3000

// didYouMean returns "; did you mean x?" for the member of known that is like
// what was written, or "".
func didYouMean(written string, known []string) string {
	if len(known) > maxMeant {
		return ""
	}
	return closest(written, known)
}

// closest is didYouMean for any number of words.
func closest(written string, known []string) string {
	best, dist := "", max(1, len(written)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(written), strings.ToLower(k), dist); d < dist && k != written {
			best, dist = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance counts the edits between a and b (a swap of neighbours is one); from
// limit on it does not matter how many.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	cells := make([]int, 3*(len(b)+1))
	before, last, row := cells[:len(b)+1], cells[len(b)+1:2*len(b)+2], cells[2*len(b)+2:]
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

func checkURL(at spot, text string) {
	if text == "" {
		return
	}
	if _, err := url.Parse(text); err != nil {
		at.wrong(fmt.Sprintf("%q is not an address: %v", text, err))
	}
}

// parseTemplate parses a Go template, or says at its place what is wrong.
func parseTemplate(at spot, text string) *template.Template {
	return parseTemplateWith(at, text, nil)
}

// checkReportTemplate parses a template over a ProwJob, and tries it on an empty one.
func checkReportTemplate(at spot, text string) {
	t := parseTemplate(at, text)
	if t == nil {
		return
	}
	if err := t.Execute(io.Discard, &prow.Job{}); err != nil {
		at.hinted("cannot be filled in: "+strings.TrimPrefix(err.Error(), "template: :"), "it is a template over a ProwJob, for example {{.Spec.Job}}")
	}
}

func parseTemplateWith(at spot, text string, funcs template.FuncMap) *template.Template {
	t, err := template.New("").Funcs(funcs).Parse(text)
	if err != nil {
		at.wrong("is not a template: " + strings.TrimPrefix(err.Error(), "template: :"))
		return nil
	}
	return t
}
