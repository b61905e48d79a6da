package jobs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// TestTexts compares what trigger says with testdata/texts.golden.
func TestTexts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	say := func(title, text string) { fmt.Fprintf(&b, "### %s\n%s\n\n", title, text) }
	r := prow.Repo{Owner: "o", Name: "r"}
	automatic := presubmit("pull-unit", "pull-unit", false)
	automatic.AlwaysRun, automatic.RerunCommand = true, "/test pull-unit"
	manual := presubmit("pull-slow", "pull-slow", true)
	manual.RerunCommand = "/test pull-slow"
	say("/test ?", helpText([]config.Presubmit{automatic, manual}, r, "main", "These are the jobs of this branch.", "guid"))
	say("/test nonsense", helpText([]config.Presubmit{automatic}, r, "main", "There is no job of that name.", "guid"))
	say("/test, no jobs", helpText(nil, r, "main", "x", "guid"))
	x := change{Pull: &prow.Pull{Issue: prow.Issue{Author: "stranger"}}, trigger: &plugin.Trigger{}}
	c := &plugin.Call{At: prow.IssueID{Repo: r, Number: 5}}
	say("welcome", x.welcomeText(c, false))
	say("welcome, prominent", x.welcomeText(c, true))
	x.trigger = &plugin.Trigger{IgnoreOKToTest: true, OnlyOrgMembers: true, TrustedOrg: "p", JoinOrgURL: ""}
	say("welcome, ignore_ok_to_test", x.welcomeText(c, false))
	x.trigger.OrgInvite.Prominent.Message = "Join {join_org_url}!"
	say("welcome, own words", x.welcomeText(c, true))
	c.Config = &config.Config{}
	c.Config.GitHub.LinkURL = "https://ghe.example/"
	say("welcome, another forge", x.welcomeText(c, false))
	const file = "testdata/texts.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s:\n%s", file, b.String())
	}
}

func TestOldHelpIsRecognised(t *testing.T) {
	t.Parallel()
	old := isOldHelp("guid-2")
	for body, want := range map[string]bool{
		"@a: The following commands are available to trigger required jobs:\n```": true, // by the original
		"Use `/test all` to run all jobs.":                                        true,
		"x <!-- test-help guid-1 -->":                                             true,
		"The following commands … <!-- test-help guid-2 -->":                      false, // this very answer
		"something else": false,
	} {
		if got := old(prow.Comment{Body: body}); got != want {
			t.Errorf("%q: %v", body, got)
		}
	}
}

func TestFence(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "```\n/test all\n```", "````"} {
		if got := plugin.Lines(fence(text) + "\n/end"); len(got) != 1 || got[0].Name != "end" {
			t.Errorf("%q: %v", text, got)
		}
	}
}
