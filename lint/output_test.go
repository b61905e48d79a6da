package lint_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/lint"
)

// result is one of everything: an error, a warning, a note, without a place, with
// what each format has to be careful about.
func result() *lint.Result {
	at := func(file string, line, column int) config.Position {
		return config.Position{File: file, Line: line, Column: column}
	}
	return &lint.Result{
		Findings: []lint.Finding{
			{Problem: config.Problem{Kind: "unreadable", Text: "there is nothing"}, Severity: lint.Error},
			{Problem: config.Problem{
				Kind: "unknown-fields", Position: at("jobs/a b.yaml", 3, 4), Path: "periodics[0].intervall", Text: "is not a key that means anything here",
				Hint: `did you mean "interval"?`, Snippet: "  é intervall: 1h <&> 100%", Warning: true,
			}, Severity: lint.Warning},
			{Problem: config.Problem{
				Kind: "shared-names", Position: at("jobs/c,d:e.yaml", 12345678, 2), Path: `presubmits."o/r"[1].max_concurrency`, Job: "unit",
				Text: "two\nlines, 50%: \x1b[31mred", Hint: "h", Snippet: "\tmax_concurrency: 1", Warning: true,
			}, Severity: lint.Note},
			{Problem: config.Problem{Kind: "long-job-names", Position: at("jobs/c.yaml", 7, 0), Job: "x", Text: "no column", Warning: true}, Severity: lint.Warning},
		},
		Ran: []string{"unknown-fields", "shared-names", "long-job-names"}, Files: 3, Jobs: 1, Undone: []string{"verify-owners-presence: no token"},
	}
}

// What each format makes of the same findings.
func TestFormats(t *testing.T) {
	t.Parallel()
	var got txtar.Archive
	for _, f := range []struct {
		name  string
		write func(*lint.Result, *bytes.Buffer) error
	}{
		{"text", func(r *lint.Result, b *bytes.Buffer) error { return r.Text(b, false) }},
		{"colour", func(r *lint.Result, b *bytes.Buffer) error { return r.Text(b, true) }},
		{"json", func(r *lint.Result, b *bytes.Buffer) error { return r.JSON(b) }},
		{"github", func(r *lint.Result, b *bytes.Buffer) error { return r.GitHub(b) }},
		{"sarif", func(r *lint.Result, b *bytes.Buffer) error { return r.SARIF(b, "v1", "") }},
		{"nothing", func(_ *lint.Result, b *bytes.Buffer) error { return (&lint.Result{Files: 1}).Text(b, false) }},
		{"nothing.json", func(_ *lint.Result, b *bytes.Buffer) error { return (&lint.Result{Files: 1}).JSON(b) }},
	} {
		var b bytes.Buffer
		if err := f.write(result(), &b); err != nil {
			t.Fatal(f.name, err)
		}
		text := b.Bytes()
		if f.name == "sarif" { // the rules are those of docs/checkconfig.md
			var log map[string]any
			if err := json.Unmarshal(text, &log); err != nil {
				t.Fatal(err)
			}
			driver := log["runs"].([]any)[0].(map[string]any)["tool"].(map[string]any)["driver"].(map[string]any)
			driver["rules"] = driver["rules"].([]any)[:1]
			for _, r := range log["runs"].([]any)[0].(map[string]any)["results"].([]any) {
				delete(r.(map[string]any), "ruleIndex")
			}
			text, _ = json.MarshalIndent(log, "", "  ")
			text = append(text, '\n')
		}
		got.Files = append(got.Files, txtar.File{Name: f.name, Data: text})
	}
	const name = "testdata/formats.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(name, txtar.Format(&got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(want, txtar.Format(&got)) {
		t.Errorf("%s (%v) is not what is written:\n%s", name, err, txtar.Format(&got))
	}
}

// Every result of SARIF has a rule, and files are named from here.
func TestSARIFRules(t *testing.T) {
	t.Parallel()
	r := result()
	r.Findings[1].File = "/srv/here/x/y.yaml"
	r.Findings[2].File = "/elsewhere/z.yaml"
	var b bytes.Buffer
	if err := r.SARIF(&b, "v1", "/srv/here"); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Rules []struct {
						ID   string
						Help struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Locations []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	rules := log.Runs[0].Tool.Driver.Rules
	seen := map[string]bool{}
	for _, rule := range rules {
		if rule.Help.Text == "" || seen[rule.ID] {
			t.Errorf("rule %q has no help, or is there twice", rule.ID)
		}
		seen[rule.ID] = true
	}
	var places []string
	for _, res := range log.Runs[0].Results {
		if rules[res.RuleIndex].ID != res.RuleID {
			t.Errorf("%s points at rule %s", res.RuleID, rules[res.RuleIndex].ID)
		}
		for _, l := range res.Locations {
			places = append(places, l.PhysicalLocation.ArtifactLocation.URI)
		}
	}
	if got, want := strings.Join(places, " "), "x/y.yaml file:///elsewhere/z.yaml jobs/c.yaml"; got != want {
		t.Errorf("files are %s, want %s", got, want)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	const always = "gerrit-trigger unknown-plugins"
	for _, c := range []struct {
		name string
		lint.Selection
		has, lacks string
		err        string
	}{
		{name: "by default", has: "mismatched-tide unknown-fields " + always, lacks: "valid-decoration-config verify-owners-presence unanchored-patterns"},
		{name: "one", Selection: lint.Selection{Warnings: []string{"valid-decoration-config"}}, has: "valid-decoration-config " + always, lacks: "mismatched-tide"},
		{name: "one more", Selection: lint.Selection{Warnings: []string{"valid-decoration-config"}, Default: true}, has: "valid-decoration-config mismatched-tide", lacks: "verify-owners-presence"},
		{name: "all", Selection: lint.Selection{Expensive: true}, has: "verify-owners-presence valid-decoration-config mismatched-tide"},
		{name: "expensive beside named", Selection: lint.Selection{Expensive: true, Warnings: []string{"long-job-names"}}, has: "long-job-names", lacks: "verify-owners-presence"},
		{name: "without one", Selection: lint.Selection{Exclude: []string{"mismatched-tide", "no-such-check"}}, has: "long-job-names", lacks: "mismatched-tide "},
		{name: "always", Selection: lint.Selection{Exclude: []string{"unknown-plugins"}}, has: always},
		{name: "as an App", Selection: lint.Selection{App: true}, has: "validate-github-app-installation"},
		{name: "misspelt", Selection: lint.Selection{Warnings: []string{"long-jobnames"}}, err: `--warnings long-jobnames: there is no such check; did you mean "long-job-names"?`},
		{name: "nonsense", Selection: lint.Selection{Warnings: []string{"xyz"}}, err: "--warnings xyz: there is no such check; see prow checkconfig --list"},
	} {
		got, err := c.Select()
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: error %v, want %s", c.name, err, c.err)
			}
			continue
		}
		list := " " + strings.Join(got, " ") + " "
		for _, name := range strings.Fields(c.has) {
			if !strings.Contains(list, " "+name+" ") {
				t.Errorf("%s: %s is not among%s", c.name, name, list)
			}
		}
		for _, name := range strings.Fields(c.lacks) {
			if strings.Contains(list, " "+name+" ") {
				t.Errorf("%s: %s is among%s", c.name, name, list)
			}
		}
	}
}

// What fails: errors always, warnings if strict, notes never.
func TestFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		severity       lint.Severity
		strict, failed bool
	}{
		{lint.Error, false, true}, {lint.Error, true, true}, {lint.Warning, false, false},
		{lint.Warning, true, true}, {lint.Note, false, false}, {lint.Note, true, false},
	} {
		r := lint.Result{Findings: []lint.Finding{{Severity: c.severity}}, Strict: c.strict}
		if r.Failed() != c.failed {
			t.Errorf("%s, strict %t: failed %t", c.severity, c.strict, r.Failed())
		}
	}
}

// docs/checkconfig.md is drawn from the checks themselves.
func TestChecksAreDocumented(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := lint.Document(&b); err != nil {
		t.Fatal(err)
	}
	const name = "../docs/checkconfig.md"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the checks say (%v): run make golden and read the diff", name, err)
	}
}
