package config

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"go.yaml.in/yaml/v4"
)

// Inspection is a configuration as far as it could be put together, what was
// found on the way, and the places of its values. It is for tools that say more
// about a configuration than whether it loads.
type Inspection struct {
	// Config is never nil. Where Problems has errors, parts of it are missing:
	// nobody may work with it.
	Config   *Config
	Problems Problems // errors first, then warnings
	Queries  []PlacedQuery
	Files    int

	in    *inputs
	own   map[string]*source // files of a repository, by the name they are shown with
	mu    sync.Mutex
	trees map[string]*tree
}

// Place is a value in a file, for findings about it.
type Place struct {
	File string
	Path []any // keys are strings, places in lists are ints
}

// At returns the place of what is below p.
func (p Place) At(more ...any) Place {
	p.Path = append(slices.Clip(p.Path), more...)
	return p
}

// Name is the path as Problem.Path has it.
func (p Place) Name() string { return trail(p.Path).String() }

// ParsePath reads what Problem.Path has.
func ParsePath(path string) []any {
	var out []any
	for path != "" {
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path, ".[")
		switch {
		case strings.HasPrefix(path, "["):
			number, rest, _ := strings.Cut(path[1:], "]")
			i, err := strconv.Atoi(number)
			if err != nil {
				return out
			}
			out, path = append(out, i), rest
			continue
		case strings.HasPrefix(path, `"`):
			quoted, err := strconv.QuotedPrefix(path)
			if err != nil {
				return out
			}
			key, _ := strconv.Unquote(quoted)
			out, path = append(out, key), path[len(quoted):]
			continue
		case end < 0:
			end = len(path)
		}
		out, path = append(out, path[:end]), path[end:]
	}
	return out
}

// PlacedQuery is a query of tide as it is written, before equal ones are merged.
type PlacedQuery struct {
	TideQuery
	Place Place
}

// Inspect reads everything once.
func Inspect(ctx context.Context, p Paths) *Inspection {
	l := newLoader(p)
	l.precise, l.codec.roots = true, &sync.Map{}
	x := &Inspection{Config: &Config{Plugins: &Plugins{}, Loaded: time.Now(), res: l.res, codec: l.codec}, in: &inputs{}, own: map[string]*source{}, trees: map[string]*tree{}}
	rep := &report{}
	x.read(ctx, l, rep)
	// What is decoded from now on is no file: its nodes must not pass for a file's.
	x.Config.codec.roots, x.Config.Plugins.codec.roots = nil, nil
	x.Problems = append(rep.errors(x.in), rep.warnings(x.in)...)
	x.Files = len(x.in.all())
	return x
}

func (x *Inspection) read(ctx context.Context, l *loader, rep *report) {
	defer func() {
		if r := recover(); r != nil {
			rep.add(Problem{Kind: KindInvalid, Text: fmt.Sprintf("loading failed in a way that should not be possible: %v", r), Hint: "please report it"})
		}
	}()
	in, err := l.gather(ctx, rep)
	if err != nil {
		rep.add(Problem{Kind: KindUnreadable, Text: err.Error()})
		return
	}
	x.in = in
	x.queries()
	x.Config.Version, x.Config.digest = in.version, in.digest
	l.assemble(x.Config, in, rep)
}

// queries notes tide's queries before they are merged.
func (x *Inspection) queries() {
	add := func(file string, list []TideQuery) {
		for i, q := range list {
			x.Queries = append(x.Queries, PlacedQuery{q, Place{file, []any{"tide", "queries", i}}})
		}
	}
	if x.in.main != nil {
		add(x.in.main.name, x.in.main.value.(*mainFile).Tide.Queries)
	}
	for _, s := range x.in.extra {
		add(s.name, s.value.(*shardFile).Tide.Queries)
	}
}

// Main returns where the path stands: in the main file or the shard of it that
// has most of it.
func (x *Inspection) Main(path ...any) Place {
	return x.longest(x.in.main, x.in.extra, path)
}

// InPlugins returns where the path stands: in plugins.yaml or the shard of it
// that has most of it.
func (x *Inspection) InPlugins(path ...any) Place {
	if len(path) > 1 {
		if i, ok := path[1].(int); ok {
			return x.inList(path, i)
		}
	}
	return x.longest(x.in.plugins, x.in.pluginExtra, path)
}

// inList is InPlugins for the entry i of a list: the lists of several files are
// joined in their order.
func (x *Inspection) inList(path []any, i int) Place {
	for _, s := range append([]*source{x.in.plugins}, x.in.pluginExtra...) {
		if s == nil {
			continue
		}
		n := x.tree(s.name).length(path[:1])
		if i < n {
			return Place{File: s.name, Path: append([]any{path[0], i}, path[2:]...)}
		}
		i -= n
	}
	return x.longest(x.in.plugins, x.in.pluginExtra, path)
}

func (x *Inspection) longest(main *source, extra []*source, path []any) Place {
	best, most := Place{Path: path}, -1
	for _, s := range append([]*source{main}, extra...) {
		if s == nil {
			continue
		}
		if n := x.tree(s.name).reach(path); n > most {
			best.File, most = s.name, n
		}
		if most == len(path) {
			break
		}
	}
	return best
}

// Place returns the place of what is below j.
func (j *JobBase) Place(more ...any) Place { return Place{j.Source.File, j.path}.At(more...) }

// Place returns the place of a plugin in the list of a selector.
func (p *Plugins) Place(selector string, i int) Place {
	at := Place{p.from["plugins\x00"+selector], []any{"plugins", selector}}
	if !p.Plugins[selector].old {
		at = at.At("plugins")
	}
	return at.At(i)
}

// Put sets where p is, and the line itself. A value that is not there is placed
// where it should be.
func (x *Inspection) Put(p *Problem, at Place) {
	p.File, p.Path = at.File, trail(at.Path).String()
	if t := x.tree(at.File); t != nil {
		p.Line, p.Column = t.find(at.Path)
		p.Snippet = t.line(p.Line)
	}
}

// Line returns a line of a file that was read, or "".
func (x *Inspection) Line(file string, n int) string {
	if x.source(file) == nil {
		return ""
	}
	return x.tree(file).line(n)
}

func (x *Inspection) source(file string) *source {
	if s := x.in.named(file); s != nil {
		return s
	}
	return x.own[file]
}

// InRepo reads the own jobs of r, whose tree fsys is, whether or not r may bring
// any. root is put before the names of its files.
func (x *Inspection) InRepo(fsys fs.FS, root string, r prow.Repo) (*JobConfig, Problems) {
	rep := &report{}
	in := &inputs{jobs: x.Config.inRepoSources(fsys, rep)}
	for _, s := range in.jobs {
		rep.problems = append(rep.problems, s.problems...)
		x.own[path.Join(root, s.name)] = s
	}
	own := x.Config.finishInRepo(in, r, rep)
	found := append(rep.errors(in), rep.warnings(in)...)
	for i := range found {
		found[i].File = path.Join(root, found[i].File)
	}
	for i := range own.PresubmitsStatic[r.String()] {
		s := &own.PresubmitsStatic[r.String()][i].Source
		s.File = path.Join(root, s.File)
	}
	for i := range own.PostsubmitsStatic[r.String()] {
		s := &own.PostsubmitsStatic[r.String()][i].Source
		s.File = path.Join(root, s.File)
	}
	x.Files += len(in.jobs)
	return own, found
}

func (x *Inspection) tree(file string) *tree {
	x.mu.Lock()
	defer x.mu.Unlock()
	t, ok := x.trees[file]
	if !ok {
		t = treeOf(x.source(file))
		x.trees[file] = t
	}
	return t
}

// length returns how many entries the list at p has.
func (t *tree) length(p trail) int {
	n := t.root
	for _, step := range p {
		if n == nil {
			return 0
		}
		_, n = child(resolved(n), step, 0)
	}
	if n = resolved(n); n == nil || n.Kind != yaml.SequenceNode {
		return 0
	}
	return len(n.Content)
}

func resolved(n *yaml.Node) *yaml.Node {
	for n != nil && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// reach returns how many steps of p lead somewhere.
func (t *tree) reach(p trail) int {
	n := t.root
	for i, step := range p {
		if n == nil {
			return i
		}
		_, v := child(resolved(n), step, 0)
		if v == nil {
			return i
		}
		n = v
	}
	return len(p)
}

// DidYouMean returns `did you mean "x"?` for the member of known that is like
// what was written, or "".
func DidYouMean(written string, known []string) string {
	return strings.TrimPrefix(closest(written, known), "; ")
}

// DecorationFaults says what a merged decoration lacks.
func DecorationFaults(d *prow.DecorationConfig) []string {
	var out []string
	for _, f := range decorationFaults(d) {
		out = append(out, strings.TrimSpace(f.path.String()+" "+f.Text))
	}
	if g := d.GCSConfiguration; g != nil && g.Bucket == "" && g.LocalOutputDir == "" {
		out = append(out, "gcs_configuration names no bucket, so logs and artifacts go nowhere")
	}
	return out
}
