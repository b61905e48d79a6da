package owners

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"sigs.k8s.io/yaml"
)

// maxFile bounds a file that counts. Real ones are a few kilobytes.
const maxFile = 1 << 20

type (
	lists struct {
		Approvers         names `json:"approvers,omitempty"`
		Reviewers         names `json:"reviewers,omitempty"`
		RequiredReviewers names `json:"required_reviewers,omitempty"`
		Labels            names `json:"labels,omitempty"`
	}
	dirOptions struct {
		NoParent    bool `json:"no_parent_owners,omitempty"`
		AutoApprove bool `json:"auto_approve_unowned_subfolders,omitempty"`
	}
	simpleForm struct {
		lists
		Options dirOptions `json:"options,omitempty"`
	}
	filterForm struct {
		Options dirOptions       `json:"options,omitempty"`
		Filters map[string]lists `json:"filters,omitempty"`
	}
)

// names is a list of words. A login of digits alone is a number to YAML.
type names []string

func (n *names) UnmarshalJSON(text []byte) error {
	var raw []any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return fmt.Errorf("want a list of names, not %.40q", text)
	}
	*n = nil
	for _, v := range raw {
		switch v := v.(type) {
		case nil:
		case string:
			*n = append(*n, v)
		case json.Number:
			*n = append(*n, v.String())
		default:
			return fmt.Errorf("want a list of names, but one is %v", v)
		}
	}
	return nil
}

func (l lists) empty() bool {
	return len(l.Approvers)+len(l.Reviewers)+len(l.RequiredReviewers)+len(l.Labels) == 0
}

// parser fills an Owners from files.
type parser struct {
	fsys    fs.FS
	out     *Owners
	aliases map[string][]string
}

func (p *parser) problem(file, format string, args ...any) {
	p.out.problems = append(p.out.problems, Problem{file, fmt.Sprintf(format, args...)})
}

// read returns the file's content, at most maxFile bytes and one. A link that
// leads nowhere, or to something that is no file, is a problem, and ok is false.
func (p *parser) read(file string) (text []byte, ok bool, err error) {
	f, err := p.fsys.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		p.problem(file, "it is a link that leads nowhere, so it grants nothing")
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", file, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		p.problem(file, "it is not a regular file, so it grants nothing")
		return nil, false, err
	}
	text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", file, err)
	}
	return text, true, nil
}

func (p *parser) readFile(file string) error {
	text, ok, err := p.read(file)
	if err != nil || !ok {
		return err
	}
	if path.Base(file) != p.out.options.OwnersFile {
		p.readHeader(file, text)
		return nil
	}
	if len(text) > maxFile {
		p.problem(file, "it is larger than %d bytes and was not read", maxFile)
		return nil
	}
	d, err := p.parse(file, text)
	if err != nil {
		p.problem(file, "it is not a valid OWNERS file, so it grants nothing: %s", reason(err))
		return nil
	}
	p.out.dirs[parent(file)] = d
	return nil
}

// readHeader reads the YAML between the first line of a Markdown file, which
// has to be ---, and the next such line.
func (p *parser) readHeader(file string, text []byte) {
	body, ok := strings.CutPrefix(strings.ReplaceAll(string(text), "\r\n", "\n"), "---\n")
	if !ok {
		return
	}
	header, _, ok := strings.Cut("\n"+body, "\n---")
	if !ok {
		return
	}
	var s simpleForm
	if err := yaml.Unmarshal([]byte(header), &s); err != nil {
		p.problem(file, "its header is not valid YAML, so it names nobody: %s", reason(err))
		return
	}
	if s.lists.empty() {
		return // a header about something else
	}
	p.out.dirs[file] = &dir{file, s.Options.NoParent, s.Options.AutoApprove, []entry{p.entry(nil, s.lists)}}
}

// parse reads the simple form if it names somebody, else the one with filters.
func (p *parser) parse(file string, text []byte) (*dir, error) {
	var s simpleForm
	var f filterForm
	errSimple, errFilter := yaml.Unmarshal(text, &s), yaml.Unmarshal(text, &f)
	if errSimple == nil && !s.lists.empty() {
		if len(f.Filters) > 0 {
			p.problem(file, "its filters are ignored, because it also has lists at top level: move those to the filter \".*\"")
		}
		return &dir{file, s.Options.NoParent, s.Options.AutoApprove, []entry{p.entry(nil, s.lists)}}, nil
	}
	if errFilter != nil {
		return nil, errors.Join(errSimple, errFilter)
	}
	d := &dir{file: file, noParent: f.Options.NoParent, autoApprove: f.Options.AutoApprove}
	for _, expr := range slices.Sorted(maps.Keys(f.Filters)) {
		if expr == ".*" {
			d.entries = append(d.entries, p.entry(nil, f.Filters[expr]))
			continue
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			p.problem(file, "the filter %q is not a valid pattern and was left out: %v", expr, err)
			continue
		}
		d.entries = append(d.entries, p.entry(re, f.Filters[expr]))
	}
	if errSimple != nil && len(f.Filters) == 0 {
		return nil, errSimple // lists that cannot be read, and nothing else
	}
	return d, nil
}

func (p *parser) entry(filter *regexp.Regexp, l lists) entry {
	e := entry{filter: filter}
	e.named[Approvers] = p.expand(l.Approvers)
	e.named[Reviewers] = p.expand(l.Reviewers)
	e.named[RequiredReviewers] = p.expand(l.RequiredReviewers)
	e.named[Labels] = slices.DeleteFunc(slices.Clone([]string(l.Labels)), func(s string) bool { return s == "" })
	return e
}

// expand replaces aliases by their members, once, and normalises.
func (p *parser) expand(names []string) []string {
	var out []string
	for _, n := range names {
		n = norm(n)
		members, ok := p.aliases[n]
		if !ok {
			members = []string{n}
		}
		for _, m := range members {
			if m != "" && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

func (p *parser) readAliases(paths []string) error {
	file := p.out.options.AliasesFile
	if !slices.Contains(paths, file) {
		return nil
	}
	text, ok, err := p.read(file)
	if err != nil || !ok {
		return err
	}
	aliases, err := parseAliases(text)
	if err != nil {
		p.problem(file, "it is not a valid aliases file, so no alias stands for anybody: %s", reason(err))
		return nil
	}
	p.aliases = aliases
	return nil
}

func parseAliases(text []byte) (map[string][]string, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	var f struct {
		Aliases map[string]json.RawMessage `json:"aliases"`
	}
	if err := yaml.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for name, raw := range f.Aliases {
		var list []string
		var set map[string]json.RawMessage
		switch {
		case string(raw) == "null":
		case json.Unmarshal(raw, &list) == nil:
		case json.Unmarshal(raw, &set) == nil:
			list = slices.Collect(maps.Keys(set))
		default:
			return nil, fmt.Errorf("alias %s: want a list of logins", name)
		}
		members := []string{}
		for _, l := range list {
			if l = norm(l); l != "" {
				members = append(members, l)
			}
		}
		slices.Sort(members)
		out[norm(name)] = members
	}
	return out, nil
}

func norm(login string) string { return prow.NormLogin(login) }

// reason returns err on one line, without the words of the decoder's layers.
func reason(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	s = strings.ReplaceAll(s, "error converting YAML to JSON: yaml: ", "")
	return strings.ReplaceAll(s, "error unmarshaling JSON: while decoding JSON: ", "")
}
