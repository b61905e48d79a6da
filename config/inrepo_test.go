package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prow-ci/prow/config"
)

func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func TestInRepo(t *testing.T) {
	t.Parallel()
	c := load(t, mainFile(`
in_repo_config:
  enabled: {org: true, org/off: false}
  allowed_clusters: {org/repo: [big]}
presets: [{labels: {p: "1"}, env: [{name: GLOBAL}]}]
presubmits:
  org/repo: [{name: static, context: taken, `+pod+`}]
`))
	own := `
presets: [{labels: {p: "1", q: "1"}, env: [{name: OWN}]}]
presubmits:
- {name: a, cluster: big, labels: {p: "1", q: "1"}, ` + pod + `}
postsubmits:
- {name: b, ` + pod + `}
prow_ignored: {x: 1}
`
	jobs, err := c.InRepo(files(".prow.yaml", own), repo)
	if err != nil || len(jobs.Presubmits) != 2 || len(jobs.Postsubmits) != 1 || len(jobs.Warnings) > 0 {
		t.Fatalf("%+v, %v", jobs, err)
	}
	a := jobs.Presubmits[1]
	if jobs.Presubmits[0].Name != "static" || a.RerunCommand != "/test a" || a.Cluster != "big" || len(a.Spec.Containers[0].Env) != 2 || a.Source.Line != 4 {
		t.Errorf("own job %+v", a)
	}
	jobs, err = c.InRepo(files(".prow.yaml", own, ".prow/x.yaml", "presubmits: [{name: x, "+pod+"}]", ".prow/sub/x.yml", "postsubmits: [{name: z, "+pod+"}]"), repo)
	if err != nil || len(jobs.Presubmits) != 2 || jobs.Presubmits[1].Name != "x" || jobs.Postsubmits[0].Name != "z" {
		t.Errorf("the directory does not win: %+v, %v", jobs, err)
	}
	off := repo
	off.Name = "off"
	if jobs, err := c.InRepo(files(".prow.yaml", "nonsense: ["), off); err != nil || len(jobs.Presubmits) != 0 {
		t.Errorf("where it is off: %+v, %v", jobs, err)
	}
	if jobs, err := c.InRepo(files("README.md", "x"), repo); err != nil || len(jobs.Presubmits) != 1 {
		t.Errorf("without files: %+v, %v", jobs, err)
	}
	for text, want := range map[string]string{
		"presubmits: [{name: static, context: z, " + pod + "}]":                                        `another presubmit "static" for the same branches`,
		"presubmits: [{name: new, context: taken, " + pod + "}]":                                       `"new" reports to the context "taken", and so does "static"`,
		"presubmits: [{name: new, cluster: trusted, " + pod + "}]":                                     `.prow.yaml:1:35: job new: presubmits[0].cluster: this repository's own jobs may not use cluster "trusted" (allowed here: big, default)`,
		"presubmits: {org/repo: []}":                                                                   ".prow.yaml:1:13: presubmits: is a mapping; want a list",
		"presubmits: [{name: new, branches: ['('], " + pod + "}]":                                      "presubmits[0].branches[0]: is not a regular expression",
		"presubmits: [{name: new, labels: {p: \"1\"}, spec: {containers: [{env: [{name: GLOBAL}]}]}}]": `variable "GLOBAL" is there already`,
	} {
		jobs, err := c.InRepo(files(".prow.yaml", text), repo)
		if err == nil || !strings.Contains(err.Error(), want) || len(jobs.Presubmits) != 1 {
			t.Errorf("%s: %v; want %s, and the static jobs", text, err, want)
		}
	}
	if jobs, err := c.InRepo(files(".prow.yaml", "periodics: []"), repo); err != nil || len(jobs.Warnings) != 1 {
		t.Errorf("an unknown key: %+v, %v", jobs, err)
	}
}

func TestInRepoClusters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{}":                             "default",
		"{allowed_clusters: {org: [a]}}": "a default",
		"{allowed_clusters: {'*': []}}":  "",
		"{allowed_clusters: {'*': [b], org/repo: [a], other: [c]}}": "a b",
	} {
		if got := strings.Join(load(t, mainFile("in_repo_config: "+text)).InRepoClusters(repo), " "); got != want {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
	if !config.TouchesInRepo([]string{"a", ".prow/x"}) || !config.TouchesInRepo([]string{".prow.yaml"}) || config.TouchesInRepo([]string{".prowx", "x/.prow.yaml"}) {
		t.Error("files that touch in-repo configuration")
	}
}

// A pull request may bring a link to any file of the machine that checks it.
func TestTreeKeepsLinksIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "secret"), []byte("hush"), 0o600),
		os.MkdirAll(filepath.Join(tree, ".prow"), 0o755),
		os.WriteFile(filepath.Join(tree, "jobs"), []byte("presubmits: [{name: a, "+pod+"}]"), 0o600),
		os.Symlink("../jobs", filepath.Join(tree, ".prow", "in.yaml")),
		os.Symlink("../../secret", filepath.Join(tree, ".prow", "out.yaml")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := load(t, mainFile("in_repo_config: {enabled: {org/repo: true}}"))
	files, err := config.OpenTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.InRepo(files, repo)
	if err == nil || !strings.Contains(err.Error(), ".prow/out.yaml: cannot be read") || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "in.yaml") {
		t.Errorf("it says: %v", err)
	}
	if err := os.Remove(filepath.Join(tree, ".prow", "out.yaml")); err != nil {
		t.Fatal(err)
	}
	if own, err := c.InRepo(files, repo); err != nil || len(own.Presubmits) != 1 {
		t.Errorf("%+v, %v", own, err)
	}
}
