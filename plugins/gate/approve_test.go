package gate

import (
	"bufio"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/owners"
	"github.com/prow-ci/prow/plugin"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"
)

// TestApproval decides the cases of testdata/approve. Each has a section `case`
// with the facts as YAML, `said` with lines "login: text" or "login (state):
// text" in the order of time, the OWNERS files, and `want`.
func TestApproval(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/approve/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, want := readCase(t, a)
			v := decideApproval(f)
			got := v.text() + "\n"
			if got == want {
				return
			}
			if os.Getenv("UPDATE_GOLDEN") == "" {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
			a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
			a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func readCase(t *testing.T, a *txtar.Archive) (approvalFacts, string) {
	t.Helper()
	var in struct {
		Options   ApproveConfig
		Number    int
		Body      string
		Files     []string // "new" or "old -> new"
		Many      int      // that many more files
		Assignees []string
		Labelled  bool
		ByHand    bool
	}
	f := approvalFacts{Author: "Alice", Base: "release 1", Self: "prow", URL: "https://forge/o/r/pull/5"}
	want, tree := "", fstest.MapFS{}
	for _, file := range a.Files {
		switch file.Name {
		case "case":
			if err := yaml.UnmarshalStrict(file.Data, &in); err != nil {
				t.Fatal(err)
			}
		case "said":
			f.Said = readSaid(t, string(file.Data))
		case "want":
			want = string(file.Data)
		default:
			tree[file.Name] = &fstest.MapFile{Data: file.Data}
		}
	}
	var err error
	if f.Owners, err = owners.New(tree, slices.Sorted(maps.Keys(tree)), owners.Options{Markdown: true}); err != nil {
		t.Fatal(err)
	}
	f.ID = prow.IssueID{Repo: prow.Repo{Owner: "o", Name: "r"}, Number: max(in.Number, 5)}
	f.Options = in.Options
	f.Options.CommandHelpLink, f.Options.ProcessLink = "https://help", "https://process"
	f.Body, f.Assignees, f.Labelled, f.ByHand = in.Body, in.Assignees, in.Labelled, in.ByHand
	for _, name := range in.Files {
		old, now, renamed := strings.Cut(name, " -> ")
		if !renamed {
			old, now = "", name
		}
		f.Files = append(f.Files, prow.File{Name: now, OldName: old})
	}
	for range in.Many {
		f.Files = append(f.Files, prow.File{Name: "many"})
	}
	return f, want
}

func readSaid(t *testing.T, text string) []said {
	t.Helper()
	var comments []prow.Comment
	var reviews []prow.Review
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); at = at.Add(time.Minute) {
		who, body, ok := strings.Cut(lines.Text(), ": ")
		if !ok {
			t.Fatalf("said: %q", lines.Text())
		}
		body = strings.ReplaceAll(body, `\n`, "\n")
		url := "https://forge/o/r/pull/5#" + at.Format("1504")
		login, state, isReview := strings.Cut(strings.TrimSuffix(who, ")"), " (")
		if isReview {
			state, bot := strings.CutSuffix(state, " by bot")
			reviews = append(reviews, prow.Review{Author: login, AuthorBot: bot, State: prow.ReviewState(state), Body: body, At: at, URL: url})
			continue
		}
		comments = append(comments, prow.Comment{Author: login, Body: body, Created: at, URL: url})
	}
	return gatherSaid(nil, comments, reviews)
}

func TestGatherSaid(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got := gatherSaid(
		[]prow.Comment{{Author: "line", Created: at}},
		[]prow.Comment{{Author: "comment", Created: at}, {Author: "early", Created: at.Add(-time.Second)}},
		[]prow.Review{{Author: "review", At: at}},
	)
	var order []string
	for _, s := range got {
		order = append(order, s.By)
	}
	if s := strings.Join(order, " "); s != "early line comment review" {
		t.Error(s)
	}
}

func TestApproveCommands(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		lgtm bool
		want wish
	}{
		{"/approve", false, approves},
		{"/APPROVE", false, approves},
		{"/approve cancel", false, withdraws},
		{"/approve please cancel this", false, withdraws},
		{"/approve cancellation policy", false, approves}, // not the word
		{"/approve no-issue", false, approvesNoIssue},
		{"/approve no-issue please", false, approves},
		{"/remove-approve", false, withdraws},
		{"/lgtm", false, nothing},
		{"/lgtm", true, approves},
		{"/lgtm cancel", true, withdraws},
		{"/lgtm no-issue", true, approvesNoIssue},
		{"/lgtm maybe", true, nothing},
		{"/remove-lgtm", true, withdraws},
		{"/remove-lgtm", false, nothing},
		{"/approved", false, nothing},
	} {
		o := ApproveConfig{LGTMActsAsApprove: tt.lgtm}
		if got := o.command(plugin.Lines(tt.line)[0]); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.line, got, tt.want)
		}
	}
}

func TestIsNotification(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"[APPROVALNOTIFIER] This PR is **APPROVED**": true, "[approvalnotifier] x": true,
		" [APPROVALNOTIFIER]": false, "": false, "[APPROVAL": false,
	} {
		if isNotification(body) != want {
			t.Errorf("%q", body)
		}
	}
}
