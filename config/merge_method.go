package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"go.yaml.in/yaml/v4"
)

// MergeMethods maps repositories and branches to merge methods, in the four
// shapes that merge_method accepts: by organisation, "org/repo",
// "org/repo@branch", and nested as org, repository, branch.
type MergeMethods struct {
	entries map[string]methods
	res     regexps
}

// methods is one value of merge_method at any level: a word, or words below.
type methods struct {
	word  prow.MergeMethod
	below map[string]methods
}

// readNode reads a word or a mapping of them.
func (m *methods) readNode(d *decoder, n *yaml.Node, at *frame) {
	if n.Kind == yaml.MappingNode {
		d.value(n, reflect.ValueOf(&m.below).Elem(), true, at)
		return
	}
	d.value(n, reflect.ValueOf(&m.word).Elem(), true, at)
}

// readNode reads the mapping.
func (m *MergeMethods) readNode(d *decoder, n *yaml.Node, at *frame) {
	d.value(n, reflect.ValueOf(&m.entries).Elem(), true, at)
}

// MarshalJSON writes what was read.
func (m methods) MarshalJSON() ([]byte, error) {
	if m.below != nil {
		return json.Marshal(m.below)
	}
	return json.Marshal(m.word)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (m MergeMethods) MarshalJSON() ([]byte, error) { return json.Marshal(m.entries) }

// For returns the method for a branch of r. The most particular entry wins: the
// branch by name, by nested expression, the repository, the nested repository
// (or "*"), the organisation; else merge.
func (m MergeMethods) For(r prow.Repo, branch string) prow.MergeMethod {
	if e, ok := m.entries[r.String()+"@"+branch]; ok && e.word != "" {
		return e.word
	}
	org := m.entries[r.Owner]
	nested, ok := org.below[r.Name]
	if !ok {
		nested = org.below["*"]
	}
	for _, pattern := range keysOf(nested.below) {
		if re, err := m.res.get(pattern); err == nil && re.MatchString(branch) {
			return nested.below[pattern].word
		}
	}
	for _, word := range []prow.MergeMethod{m.entries[r.String()].word, nested.word, org.word} {
		if word != "" {
			return word
		}
	}
	return prow.MergeCommit
}

// check reports words that are no method and expressions that do not compile.
func (m MergeMethods) check(at spot, res regexps) {
	word := func(at spot, w prow.MergeMethod, empty bool) {
		if !slices.Contains([]prow.MergeMethod{prow.MergeCommit, prow.MergeRebase, prow.MergeSquash}, w) && (w != "" || !empty) {
			at.hinted(fmt.Sprintf("%q is not a merge method", w), "want merge, rebase or squash"+didYouMean(string(w), []string{"merge", "rebase", "squash"}))
		}
	}
	for _, key := range keysOf(m.entries) {
		e := m.entries[key]
		at := at.at(key)
		if e.below != nil && strings.Contains(key, "/") {
			at.hinted("is a mapping below a repository", "nest as organisation, repository, branch")
		}
		if e.below == nil {
			word(at, e.word, !strings.Contains(key, "@"))
		}
		for _, repo := range keysOf(e.below) {
			r := e.below[repo]
			if r.below == nil {
				word(at.at(repo), r.word, true)
			}
			for _, branch := range keysOf(r.below) {
				word(at.at(repo, branch), r.below[branch].word, false)
				res.compile(at.at(repo, branch), branch)
			}
		}
	}
}
