package tide

import (
	"strings"

	prow "github.com/prow-ci/prow"
)

// help is who can do something about a label, and what to type.
type help struct {
	why, who, command string
	role              string // what people are who are named for it
}

// giving says who can give a label that is asked for. Of alternatives it is the
// first.
func giving(label string) help {
	label, _, _ = strings.Cut(label, ",")
	switch label {
	case prow.LGTM:
		return help{who: "a reviewer who is not the author", command: "/lgtm", role: "asked to review"}
	case prow.Approved:
		return help{who: "an approver of the changed files, by OWNERS", command: "/approve", role: "by OWNERS of what is not approved yet"}
	case prow.OKToTest:
		return help{who: "a trusted member", command: "/ok-to-test"}
	case "cherry-pick-approved", "cherry-pick/approved":
		return help{who: "a release manager", command: "/cherry-pick-approved"}
	case "cncf-cla: yes":
		return help{who: "the author, by signing the CLA", command: "/check-cla"}
	case "dco-signoff: yes":
		return help{who: "the author, by signing off each commit", command: "git rebase --signoff HEAD~1 && git push --force-with-lease"}
	}
	if group, value, ok := strings.Cut(label, "/"); ok {
		switch group {
		case "kind", "priority", "area", "sig", "wg", "committee", "triage", "language":
			return help{who: "anyone", command: "/" + group + " " + value}
		}
	}
	return help{who: "anyone who may label", command: "/label " + label}
}

// removing says who can lift a label that is in the way.
func removing(label string) help {
	switch label {
	case prow.Hold:
		return help{why: "Someone holds it.", who: "whoever held it, or the author when it is settled", command: "/hold cancel"}
	case prow.WIP:
		return help{why: "It is marked as work in progress.", who: "the author, by taking WIP out of the title or marking the draft ready", command: "/retitle"}
	case prow.NeedsOKToTest:
		return help{why: "Its author is not trusted yet.", who: "a trusted member", command: "/ok-to-test"}
	case "needs-rebase":
		return help{why: "It conflicts with its base.", who: "the author, by rebasing", command: "git pull --rebase && git push --force-with-lease"}
	case "do-not-merge/release-note-label-needed":
		return help{why: "It says nothing about release notes.", who: "the author", command: "/release-note-none"}
	case "do-not-merge/invalid-owners-file":
		return help{why: "An OWNERS file in it is wrong.", who: "the author", command: "/verify-owners"}
	case "do-not-merge/blocked-paths":
		return help{why: "It changes files that are blocked.", who: "an administrator", command: ""}
	case "do-not-merge/cherry-pick-not-approved":
		return help{why: "The branch takes approved cherry-picks only.", who: "a release manager", command: "/cherry-pick-approved"}
	case "do-not-merge/invalid-commit-message":
		return help{why: "A commit message is not accepted.", who: "the author, by rewording it", command: "git commit --amend && git push --force-with-lease"}
	case "do-not-merge/contains-merge-commits":
		return help{why: "It holds merge commits.", who: "the author, by rebasing", command: "git pull --rebase && git push --force-with-lease"}
	}
	return help{who: "anyone who may label", command: "/remove-label " + label}
}
