package config_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prow-ci/prow/config"
)

// bomb makes much out of little: each level names the one below nine times.
func bomb() string {
	var b strings.Builder
	b.WriteString("prow_ignored:\n- &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 12 {
		fmt.Fprintf(&b, "- &a%d [%s*a%d]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 8), i)
	}
	b.WriteString(lens("*a12"))
	return b.String()
}

// lens puts text where anything goes.
func lens(text string) string {
	return "deck: {spyglass: {lenses: [{lens: {name: a, config: " + text + "}}]}}\n"
}

func zip(text []byte) string {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(text)
	_ = w.Close()
	return z.String()
}

// Whatever a file is: one clear finding, in bounded time and memory.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"bomb", bomb(), "config.yaml: aliases in it make too much out of little"},
		{"loop", lens("&a [*a]"), `alias "a" contains itself`},
		{"deep lists", lens(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), "config.yaml"},
		{"deep mappings", lens(strings.Repeat("{a: ", 500) + strings.Repeat("}", 500)), "deep"},
		{"binary", "a: \x00\x01\xff\xfe", "is not text in UTF-8 (is it a binary file?)"},
		{"bad UTF-8", "a: b\nc: \xc3\x28\n", "config.yaml:2: is not text in UTF-8"},
		{"a NUL", "log_level: a\x00b\n", "is not YAML"},
		{"tabs", "plank:\n\tmax_concurrency: 1\n", "indent with blanks"},
		{"two documents", "log_level: debug\n---\nlog_level: info\n", "config.yaml:3:1: is a second document, which is not read"},
		{"a second one that is empty", "log_level: debug\n---\n# nothing\n", ""},
		{"CRLF, wrong", "plank:\r\n  max_concurrency: -1\r\n", "config.yaml:2:20: plank.max_concurrency: is -1"},
		{"only a comment", "# nothing\n", ""},
		{"a list", "- a\n", "config.yaml:1:1: is a list; want a mapping"},
		{"text", "hello\n", `config.yaml:1:1: is the text "hello"; want a mapping`},
		{"an open quote", "log_level: \"debug\n", "is not YAML"},
		{"an unknown alias", "log_level: *nobody\n", "is not YAML"},
		{"a strange key", "? [a, b]\n: c\n", "has a key that is a list; want text"},
		{"a null key", "~: c\n", "has a key that is nothing; want text"},
		{"a bad merge", "plank:\n  <<: hello\n", "<< wants a mapping, or a list of them"},
		{"much in a gzip", zip(bytes.Repeat([]byte("#"), 40<<20)), "is larger than 32 MB"},
		{"a broken gzip", "\x1f\x8bnonsense", "begins like gzip, but is not"},
		{"a cut gzip", zip([]byte(strings.Repeat("a: b\n", 1000)))[:30], "cannot be read: unexpected EOF"},
		{"a wrong quantity", "plank: {default_decoration_config_entries: [{config: {default_memory_request: lots}}]}", "is the text \"lots\"; want a quantity (write for example 500m or 4Gi)"},
		{"a wrong duration", "tide: {sync_period: 5}", "is the number 5; want a duration (write for example 30m or 2h30m)"},
		{"a number for a struct", "plank: 5", "plank: is the number 5; want a mapping"},
		{"a big number", "plank: {max_concurrency: 99999999999999999999}", "want a whole number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(c.text), 0o666); err != nil {
				t.Fatal(err)
			}
			got := tell(t, dir, paths(dir))
			if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
				t.Errorf("got %.400q; want %q, in one line", got, c.want)
			}
		})
	}
}

// What is wrong with a file as such is told alike, whichever file it is.
func TestBadFormats(t *testing.T) {
	t.Parallel()
	const sound = "prow_ignored: {a: b}\n"
	huge := func(name string) error { return os.Truncate(name, 50<<20) }
	places := []string{"config.yaml", "jobs/sub/a.yaml", "plugins.yaml", "shards/a_prowconfig.yaml", "shards/a_pluginconfig.yaml"}
	for _, c := range []struct {
		name, text, want string
		then             func(name string) error
	}{
		{"empty", "", ": is empty (remove it, or write something)", nil},
		{"blank", " \n\n", ": is empty (remove it, or write something)", nil},
		{"50 MB", "", ": is larger than 32 MB, and not read; split it into several files", huge},
		{"many values", "prow_ignored: [" + strings.Repeat("a,", 4_000_000), " values; want at most 3000000 (split it into several files)", nil},
		{"binary", "a: b\nc: \x00\xff", ":2: is not text in UTF-8 (is it a binary file?)", nil},
		{"tabs", "prow_ignored:\n\ta: b\n", ":2:1: is not YAML: found character that cannot start any token (indent with blanks: YAML does not take tabs)", nil},
		{"BOM", "\ufeff" + sound, ":1:1: begins with a byte order mark, which is left out (save it as UTF-8 without one)", nil},
		{"CRLF", strings.ReplaceAll(sound, "\n", "\r\n"), ":1: has lines that end in CR LF; the CR is left out (save it with lines that end in LF, as on Unix)", nil},
		{"two documents", sound + "---\na: b\n", ":3:1: is a second document, which is not read (put it into a file of its own)", nil},
		{"deep lists", "prow_ignored: " + strings.Repeat("[", 100_000), " is not YAML: exceeded max depth", nil},
		{"a pipe", "", ": is something special (p---------), not a file", func(name string) error {
			return errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o666))
		}},
		{"a loop of links", "", ": cannot be read: too many levels of symbolic links", func(name string) error {
			return errors.Join(os.Remove(name), os.Symlink(filepath.Base(name), name))
		}},
		{"a link to nothing", "", ": cannot be read: no such file or directory", func(name string) error {
			return errors.Join(os.Remove(name), os.Symlink("gone", name))
		}},
		{"a device", "", ": is something special (Dc---------), not a file", func(name string) error {
			return errors.Join(os.Remove(name), os.Symlink("/dev/zero", name))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, place := range places {
				dir := write(t, "-- config.yaml --\nprow_ignored: a\n-- plugins.yaml --\nowners: {}")
				name := filepath.Join(dir, place)
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(c.text), 0o666)); err != nil {
					t.Fatal(err)
				}
				p := paths(dir)
				if c.then != nil {
					if err := c.then(name); err != nil {
						t.Fatal(err)
					}
				}
				switch filepath.Base(place) { // which a broken link hides from paths
				case "config.yaml":
					p.Config = name
				case "plugins.yaml":
					p.PluginConfig = name
				}
				if got := tell(t, dir, p); !strings.HasPrefix(got, place) || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
					t.Errorf("got %.300q; want %q of %s, in one line", got, c.want, place)
				}
			}
		})
	}
}

// A repository's own files may be anything, too.
func TestBadRepositories(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile("in_repo_config: {enabled: {org: true}}"))
	for _, x := range []struct {
		name, text, want string
	}{
		{"empty", "", ".prow.yaml: is empty"},
		{"huge", strings.Repeat("#", 33<<20), ".prow.yaml: is larger than 32 MB"},
		{"bomb", strings.Replace(bomb(), lens("*a12"), "presubmits: [{name: a, agent: jenkins, pipeline_run_spec: *a12}]", 1), "aliases in it make too much out of little"},
		{"binary", "a: \xff", ".prow.yaml:1: is not text in UTF-8"},
		{"tabs", "presubmits:\n\t- a", ".prow.yaml:2:1: is not YAML"},
		{"two documents", "presubmits: []\n---\na: b", ".prow.yaml:3:1: is a second document, which is not read"},
		{"deep", "prow_ignored: " + strings.Repeat("[", 20_000), "exceeded max depth"},
		{"a list", "- a", ".prow.yaml:1:1: is a list; want a mapping"},
		{"gzip", zip([]byte("presubmits: []")), "is not text in UTF-8"},
	} {
		jobs, err := c.InRepo(files(".prow.yaml", x.text), repo)
		got := config.Problems(nil)
		if !errors.As(err, &got) {
			got = jobs.Warnings
		}
		if text := got.Error(); len(got) != 1 || !strings.Contains(text, x.want) {
			t.Errorf("%s: got %.300q; want one finding with %q", x.name, text, x.want)
		}
	}
	many := files()
	for i := range 2001 {
		many[fmt.Sprintf(".prow/%d.yaml", i)] = files("a", "{}")["a"]
	}
	if _, err := c.InRepo(many, repo); err == nil || !strings.Contains(err.Error(), "holds 2001 files; want at most 2000") {
		t.Errorf("many files: %v", err)
	}
	dir := write(t, "-- .prow/b.yaml --\npresubmits: []")
	if err := os.Symlink("a.yaml", filepath.Join(dir, ".prow", "a.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.InRepo(os.DirFS(dir), repo); err == nil || err.Error() != ".prow/a.yaml: cannot be read: too many levels of symbolic links" {
		t.Errorf("a link to itself: %v", err)
	}
}

// Much of the same is told up to a point, and looked through in bounded time.
func TestMuchOfTheSame(t *testing.T) {
	t.Parallel()
	rows := func(n int, row func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(row(i))
		}
		return b.String()
	}
	for _, c := range []struct {
		name, text, want string
		most             int
	}{ // of each, two may say how many are not listed
		{"unknown keys", rows(1200, func(i int) string { return fmt.Sprintf("x%d: 1\n", i) }), "is not a key that means anything here", 1000},
		{"one key", rows(3000, func(int) string { return "log_level: info\n" }), "is there twice", 1000},
		{"jobs of one name", "periodics:\n" + rows(5500, func(int) string { return "- {name: a, interval: 1h}\n" }), "has no spec", 10_000},
		{"variables", "periodics: [{name: a, interval: 1h, spec: {containers: [{env: [" + rows(4000, func(i int) string { return fmt.Sprintf("{name: a%d}, ", i%3000) }) + "]}]}}]", "is there twice", 5000},
		{"presets", "presets:\n" + rows(3200, func(i int) string { return fmt.Sprintf("- {env: [{name: a%d}]}\n", i) }) + "periodics: [{name: a, interval: 1h, " + pod + "}]", "gets more from presets than can be", 1},
	} {
		found := config.Check(paths(write(t, mainFile(c.text))))
		capped := strings.Contains(found.Error(), "more findings are not listed")
		if len(found) == 0 || len(found) > c.most+2 || capped != (len(found) > c.most) || !strings.Contains(found.Error(), c.want) {
			t.Errorf("%s: %d findings, the first %v; want at most %d that say %s", c.name, len(found), found[:min(1, len(found))], c.most, c.want)
		}
	}
}

// brokenFS is a file system with a bug.
type brokenFS struct{}

func (brokenFS) Open(string) (fs.File, error) { panic("out of reach") }

// A bug met while a repository is read ends in a problem, not in the end of the process.
func TestPanicInRepository(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile("in_repo_config: {enabled: {org: true}}\npresubmits: {org/repo: [{name: a, "+pod+"}]}"))
	jobs, err := c.InRepo(brokenFS{}, repo)
	if !unforeseen(err) || !strings.Contains(err.Error(), "out of reach (please report it)") || len(jobs.Presubmits) != 1 {
		t.Errorf("%v, %+v", err, jobs)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	jobs := filepath.Join(dir, "jobs")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(jobs, "dir.yaml"), 0o777))
	must(os.Symlink("loop.yaml", filepath.Join(jobs, "loop.yaml")))
	must(os.Symlink("gone", filepath.Join(jobs, "dangling.yaml")))
	must(os.Symlink("..", filepath.Join(jobs, "up")))
	must(os.Symlink("dir.yaml", filepath.Join(jobs, "todir.yaml")))
	must(os.WriteFile(filepath.Join(dir, "plugins.yaml"), nil, 0o666))
	p := paths(dir)
	p.Config = filepath.Join(dir, "missing.yaml")
	p.PluginConfig = filepath.Join(dir, "plugins.yaml", "below")
	got := tell(t, dir, p)
	for _, want := range []string{
		"missing.yaml: cannot be read: no such file", "jobs/loop.yaml: cannot be read: too many levels of symbolic links",
		"jobs/dangling.yaml: cannot be read: no such file", "jobs/todir.yaml: is a directory, not a file", "plugins.yaml/below: cannot be read: not a directory",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant it to say %s", got, want)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != 5 {
		t.Errorf("%d findings, want 5:\n%s", n, got)
	}
	p = paths(dir)
	p.JobConfig = filepath.Join(dir, "nowhere")
	if got := tell(t, dir, p); !strings.HasPrefix(got, "nowhere: cannot be read: no such file") {
		t.Error(got)
	}
}

// Of a main file that cannot be read, only that is told: what the jobs lack without it
// is no fault of theirs.
func TestMainFileIsLost(t *testing.T) {
	t.Parallel()
	const jobs = "-- jobs/a.yaml --\nperiodics:\n- {name: a, interval: 1h, decorate: true, " + pod + "}\n"
	for text, want := range map[string]string{
		"": "config.yaml: cannot be read: no such file or directory", "-- config.yaml --\na: [\n": "config.yaml:2:1: is not YAML",
	} {
		dir := write(t, text+jobs)
		p := paths(dir)
		p.Config = filepath.Join(dir, "config.yaml")
		if got := tell(t, dir, p); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("got\n%s\nwant only\n%s", got, want)
		}
	}
}
