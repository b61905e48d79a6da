package triage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

func TestSizeLabel(t *testing.T) {
	t.Parallel()
	o := SizeConfig{M: 40}
	if err := checkSize(&o); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{0: "XS", 9: "XS", 10: "S", 39: "S", 40: "M", 99: "M", 100: "L", 500: "XL", 1000: "XXL", 1e9: "XXL"} {
		if got := o.label(n); got != "size/"+want {
			t.Errorf("%d lines: %s", n, got)
		}
	}
	for _, bad := range []SizeConfig{{S: 50}, {XL: 50}, {XXL: 500}} {
		if checkSize(&bad) == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestGenerated(t *testing.T) {
	t.Parallel()
	g := &generated{}
	g.readList([]byte("# comment\n\nfile-name go.sum\nfile-prefix zz_generated\npath-prefix api/gen\nprefix docs/ref/\npath a/one.go\npaths-from-repo .more\npaths-from-repo missing\nnonsense x\npath\n"),
		func(name string) ([]byte, error) {
			if name != ".more" {
				return nil, errors.New("absent")
			}
			return []byte("# x\nb/two.go\r\n\nc/three.go"), nil
		})
	g.readAttributes([]byte("*.pb.go linguist-generated=true\n/top.txt text linguist-generated\nvendor/** linguist-generated=true\nvendor/keep.go -linguist-generated\ndir/ linguist-generated=true\n" +
		"!x linguist-generated=true\n*.c text\nx/**/y.[ch] linguist-generated=true\nq?[!a].é linguist-generated=true\n[ linguist-generated=true\n"))
	for file, want := range map[string]bool{
		"go.sum": true, "x/go.sum": true, "x/go.summary": false,
		"zz_generated.go": true, "a/zz_generated_x.go": true, "a/b_zz_generated.go": false,
		"api/generic.go": true, "x/api/gen.go": false, "docs/ref/a": true,
		"a/one.go": true, "one.go": false, "b/two.go": true, "c/three.go": true,
		"x.pb.go": true, "deep/er/x.pb.go": true, "x.pb.gob": false,
		"top.txt": true, "a/top.txt": false,
		"vendor/a/b.go": true, "vendor/keep.go": false, "avendor/a": false,
		"dir/a": false, "a.c": false, "x/y.c": true, "x/a/b/y.h": true, "x/y.o": false,
		"qxb.é": true, "qxa.é": false, "[": true,
	} {
		if got := g.has(file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

func FuzzGenerated(f *testing.F) {
	f.Add("*.go linguist-generated=true", "a.go")
	f.Add("[!]x]** linguist-generated", "é/\xff")
	f.Add("path-prefix \xff", "")
	f.Add("\xd1 linguist-generated=true", "\xd1")
	f.Fuzz(func(t *testing.T, text, file string) {
		g := &generated{}
		g.readList([]byte(text), func(string) ([]byte, error) { return []byte(text), nil })
		g.readAttributes([]byte(text))
		g.has(file)
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string]string{
		"Bug": "bug", "bug  Feature": "bug|feature", `"help wanted" x`: "help wanted|x", `"open end`: "open end", `""`: "", "a\tb": "a|b",
	} {
		if got := strings.Join(names(rest), "|"); got != want {
			t.Errorf("%s: %s", rest, got)
		}
	}
}

func TestLabelSteps(t *testing.T) {
	t.Parallel()
	repo := []string{"kind/bug", "Kind/Feature", "area/x", "needs-kind", "needs-sig", "sig/a", "sig/b"}
	for _, tt := range []struct {
		plan  labelPlan
		issue string
		want  string
	}{
		{labelPlan{Add: []string{"kind/bug", "kind/feature", "kind/none", "kind/bug"}}, "", "{Add:[kind/bug Kind/Feature] Remove:[] Missing:[kind/none] Unset:[]}"},
		{labelPlan{Add: []string{"kind/bug"}}, "Kind/Bug", "{Add:[] Remove:[] Missing:[] Unset:[]}"},
		{labelPlan{Remove: []string{"kind/bug"}}, "kind/bug", "{Add:[needs-kind] Remove:[kind/bug] Missing:[] Unset:[]}"},
		{labelPlan{Remove: []string{"kind/bug"}}, "kind/bug needs-kind", "{Add:[] Remove:[kind/bug] Missing:[] Unset:[]}"},
		{labelPlan{Remove: []string{"kind/bug"}}, "kind/bug Kind/Feature", "{Add:[] Remove:[kind/bug] Missing:[] Unset:[]}"},
		{labelPlan{Remove: []string{"kind/bug"}, Add: []string{"kind/feature"}}, "kind/bug", "{Add:[Kind/Feature] Remove:[kind/bug] Missing:[] Unset:[]}"},
		{labelPlan{Remove: []string{"sig/a", "sig/b"}}, "sig/a sig/b", "{Add:[needs-sig] Remove:[sig/a sig/b] Missing:[] Unset:[]}"},
		{labelPlan{Remove: []string{"area/x"}}, "area/x", "{Add:[] Remove:[area/x] Missing:[] Unset:[]}"},
		{labelPlan{Remove: []string{"sig/a"}}, "", "{Add:[needs-sig] Remove:[] Missing:[] Unset:[sig/a]}"},
	} {
		if got := fmt.Sprintf("%+v", tt.plan.steps(repo, &prow.Issue{Labels: strings.Fields(tt.issue)})); got != tt.want {
			t.Errorf("%+v on %q:\n%s, want\n%s", tt.plan, tt.issue, got, tt.want)
		}
	}
}

func TestRestricted(t *testing.T) {
	t.Parallel()
	o := LabelConfig{RestrictedLabels: map[string][]RestrictedLabel{
		"*":   {{Label: "a", AllowedUsers: []string{"x"}}},
		"o":   {{Label: "A", AllowedTeams: []string{"t"}}, {Label: "b"}},
		"o/r": {{Label: "a", AllowedUsers: []string{"y"}}},
		"p":   {{Label: "c"}},
	}}
	if got := fmt.Sprintf("%+v", o.restricted(prow.Repo{Owner: "o", Name: "r"})); got != "[{Label:a AllowedTeams:[t] AllowedUsers:[x y] AssignOn:[]} {Label:b AllowedTeams:[] AllowedUsers:[] AssignOn:[]}]" {
		t.Error(got)
	}
	if err := checkLabel(&LabelConfig{RestrictedLabels: map[string][]RestrictedLabel{"o": {{}}}}); err == nil {
		t.Error("an entry without label was accepted")
	}
}

func TestHelpSteps(t *testing.T) {
	t.Parallel()
	const both = helpWanted + "|" + goodFirstIssue
	for _, tt := range []struct{ body, labels, want string }{
		{"/help", "", "[{help wanted true}]"},
		{"/help", helpWanted, "[]"},
		{"/remove-help", both, "[{help wanted false} {good first issue false}]"},
		{"/remove-help", "", "[]"},
		{"/Good-First-Issue", "", "[{good first issue true} {help wanted true}]"},
		{"/good-first-issue", both, "[]"},
		{"/remove-good-first-issue", both, "[{good first issue false}]"},
		{"/help\n/remove-help", helpWanted, "[{help wanted false} {good first issue false}]"},
		{"/help me", "", "[]"},
	} {
		cmd := Help().Commands[0]
		labels := slices.DeleteFunc(strings.Split(tt.labels, "|"), func(s string) bool { return s == "" })
		if got := fmt.Sprint(helpSteps(cmd.Among(plugin.Lines(tt.body)), &prow.Issue{Labels: labels})); got != tt.want {
			t.Errorf("%q with %s: %s, want %s", tt.body, tt.labels, got, tt.want)
		}
	}
}
