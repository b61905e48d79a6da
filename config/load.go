package config

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Paths says where the configuration is. Empty paths are left out; an empty
// Config is an installation with nothing but defaults.
type Paths struct {
	Config       string // the main file
	JobConfig    string // a file, or a directory of them
	PluginConfig string // plugins.yaml

	Supplemental             []string // directories with shards of the main file
	SupplementalSuffix       string   // default _prowconfig.yaml
	SupplementalPlugins      []string // directories with shards of plugins.yaml
	SupplementalPluginSuffix string   // default _pluginconfig.yaml
}

// mainFile is the main file: components and jobs side by side.
type mainFile struct {
	JobConfig
	ProwConfig
	ConfigVersionSHA string `json:"config_version_sha,omitempty"`
}

// shardFile is a shard of the main file. Keys of jobs are allowed in it, but not
// looked at.
type shardFile struct {
	ProwConfig
	Presets         any `json:"presets,omitempty"`
	Presubmits      any `json:"presubmits,omitempty"`
	Postsubmits     any `json:"postsubmits,omitempty"`
	Periodics       any `json:"periodics,omitempty"`
	DecorateAllJobs any `json:"decorate_all_jobs,omitempty"`
}

// Load reads and checks everything once. The error is Problems: all of them.
func Load(p Paths) (*Config, error) {
	return newLoader(p).load(context.Background())
}

// Check reads and checks everything once and returns all findings: problems
// first, then warnings.
func Check(p Paths) Problems {
	l := newLoader(p)
	l.precise = true
	cfg, err := l.load(context.Background())
	if cfg != nil {
		return cfg.Warnings
	}
	var all Problems
	errors.As(err, &all)
	return append(all, l.warned...)
}

// loader reads the files of one installation, and remembers what it parsed.
type loader struct {
	paths Paths
	cache map[string]*source // by name, of the newest load
	kept  map[string]*piece  // finished jobs of a file
	res   regexps
	codec codec

	precise bool     // see shared
	warned  Problems // of the newest load
}

func newLoader(p Paths) *loader {
	p.SupplementalSuffix = cmp.Or(p.SupplementalSuffix, "_prowconfig.yaml")
	p.SupplementalPluginSuffix = cmp.Or(p.SupplementalPluginSuffix, "_pluginconfig.yaml")
	return &loader{paths: p, cache: map[string]*source{}, kept: map[string]*piece{}, res: newRegexps(), codec: newCodec()}
}

// load is one whole load. A panic is a Problem: configuration never stops the
// process.
func (l *loader) load(ctx context.Context) (cfg *Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			cfg, err = nil, Problems{impossible("", r)}
		}
	}()
	rep := &report{}
	in, err := l.gather(ctx, rep)
	if err != nil {
		return nil, err
	}
	defer l.forget(in)
	c := &Config{Loaded: time.Now(), Version: in.version, digest: in.digest, res: l.res, codec: l.codec}
	l.assemble(c, in, rep)
	l.warned = rep.warnings(in)
	if p := rep.errors(in); len(p) > 0 {
		if p.Lost(l.paths.Config) {
			p, l.warned = p.WithoutMain(), l.warned.WithoutMain()
		}
		return nil, p
	}
	c.Warnings = l.warned
	return c, nil
}

// impossible makes a problem of a panic.
func impossible(file string, panicked any) Problem {
	return Problem{
		Kind: KindInvalid, Position: Position{File: file}, Hint: "please report it",
		Text: fmt.Sprintf("loading failed in a way that should not be possible: %v", panicked),
	}
}

// inputs is everything read for one load.
type inputs struct {
	main        *source
	jobs        []*source
	extra       []*source // shards of the main file
	plugins     *source
	pluginExtra []*source
	version     string
	digest      string
}

func (in *inputs) all() []*source {
	var out []*source
	for _, s := range []*source{in.main, in.plugins} {
		if s != nil {
			out = append(out, s)
		}
	}
	return slices.Concat(out, in.jobs, in.extra, in.pluginExtra)
}

func (in *inputs) named(name string) *source {
	for _, s := range in.all() {
		if s.name == name {
			return s
		}
	}
	return nil
}

// gather finds, reads and parses every file, in parallel.
func (l *loader) gather(ctx context.Context, rep *report) (*inputs, error) {
	in := &inputs{}
	main := func(name string, as func() any) *source {
		return &source{name: name, codec: l.codec, as: as, zipped: true, unknown: KindUnknown, keepPlaces: true}
	}
	plugins := func(name string) *source {
		return &source{name: name, codec: l.codec, as: func() any { return new(pluginFile) }, zipped: true, unknown: KindUnknown, keepPlaces: true}
	}
	if l.paths.Config != "" {
		in.main = main(l.paths.Config, func() any { return new(mainFile) })
	}
	if l.paths.PluginConfig != "" {
		in.plugins = plugins(l.paths.PluginConfig)
	}
	for _, name := range l.jobFiles(rep) {
		in.jobs = append(in.jobs, &source{name: name, codec: l.codec, as: func() any { return new(JobConfig) }, zipped: true, unknown: KindUnknownAll})
	}
	for _, name := range shards(l.paths.Supplemental, l.paths.SupplementalSuffix, rep) {
		in.extra = append(in.extra, main(name, func() any { return new(shardFile) }))
	}
	if in.main != nil {
		in.main.fresh = len(in.extra) > 0 // shards are merged into its maps
	}
	for _, name := range shards(l.paths.SupplementalPlugins, l.paths.SupplementalPluginSuffix, rep) {
		in.pluginExtra = append(in.pluginExtra, plugins(name))
	}
	if err := l.parseAll(ctx, in.all()); err != nil {
		return nil, err
	}
	for _, s := range in.all() {
		rep.problems = append(rep.problems, s.problems...)
	}
	in.digest = in.sum()
	in.version = l.version(in.digest)
	in.digest += in.version
	return in, nil
}

// versionFile beside the main file names the version of the whole.
const versionFile = "VERSION"

// maxVersion bounds the size of a VERSION file.
const maxVersion = 200

// version is the text of a VERSION file beside the main file, else digest.
func (l *loader) version(digest string) string {
	if l.paths.Config != "" {
		name := filepath.Join(filepath.Dir(l.paths.Config), versionFile)
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() > maxVersion {
			return digest
		}
		b, err := os.ReadFile(name)
		if text := strings.TrimSpace(string(b)); err == nil && text != "" {
			return text
		}
	}
	return digest
}

// sum is a digest of all that was read.
func (in *inputs) sum() string {
	h := sha256.New()
	for _, s := range in.all() {
		fmt.Fprintf(h, "%s\x00%x\n", s.name, s.hash)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// jobFiles lists the files with jobs.
func (l *loader) jobFiles(rep *report) []string {
	root := l.paths.JobConfig
	if root == "" {
		return nil
	}
	info, err := os.Stat(root)
	switch {
	case err != nil:
		rep.unreadable(root, err)
		return nil
	case !info.IsDir():
		return []string{root}
	}
	names, err := walk(os.DirFS(root), ".", root)
	if err != nil {
		rep.unreadable(root, err)
	}
	seen := map[string]string{}
	out := names[:0]
	for _, name := range names {
		base := filepath.Base(name)
		full := filepath.Join(root, filepath.FromSlash(name))
		if first, ok := seen[base]; ok {
			rep.add(Problem{
				Kind: KindInvalid, Position: Position{File: full}, Text: fmt.Sprintf("there is another file named %s: %s", base, first),
				Hint: "base names become keys of a ConfigMap, so each may be there once; rename one of them",
			})
			continue
		}
		seen[base] = full
		out = append(out, full)
	}
	return out
}

// shards lists the files below dirs whose path ends in suffix.
func shards(dirs []string, suffix string, rep *report) []string {
	var out []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				rep.unreadable(name, err)
				return nil
			case name != dir && strings.HasPrefix(d.Name(), ".."):
				if d.IsDir() {
					return fs.SkipDir
				}
			case !d.IsDir() && strings.HasSuffix(name, suffix):
				out = append(out, name)
			}
			return nil
		})
		if err != nil {
			rep.unreadable(dir, err)
		}
	}
	return out
}

// unreadable notes that a path cannot be read.
func (r *report) unreadable(name string, err error) {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	r.add(Problem{Kind: KindUnreadable, Position: Position{File: name}, Text: "cannot be read: " + err.Error()})
}
