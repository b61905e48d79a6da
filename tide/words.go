package tide

import (
	"strings"

	prow "github.com/prow-ci/prow"
)

// help is who can do something about a label, and what to type.
type help struct{ why, who, command string }

// giving says who can give a label that is asked for. Of alternatives it is the
// first.
func giving(label string) help {
	label, _, _ = strings.Cut(label, ",")
	switch label {
	case prow.LGTM:
		return help{who: "a reviewer who is not the author", command: "/lgtm"}
	case prow.Approved:
		return help{who: "an approver of the changed files, by OWNERS", command: "/approve"}
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
		return help{"Someone holds it.", "whoever held it, or the author when it is settled", "/hold cancel"}
	case prow.WIP:
		return help{"It is marked as work in progress.", "the author, by taking WIP out of the title or marking the draft ready", "/retitle"}
	case prow.NeedsOKToTest:
		return help{"Its author is not trusted yet.", "a trusted member", "/ok-to-test"}
	case "needs-rebase":
		return help{"It conflicts with its base.", "the author, by rebasing", "git pull --rebase && git push --force-with-lease"}
	case "do-not-merge/release-note-label-needed":
		return help{"It says nothing about release notes.", "the author", "/release-note-none"}
	case "do-not-merge/invalid-owners-file":
		return help{"An OWNERS file in it is wrong.", "the author", "/verify-owners"}
	case "do-not-merge/blocked-paths":
		return help{"It changes files that are blocked.", "an administrator", ""}
	case "do-not-merge/cherry-pick-not-approved":
		return help{"The branch takes approved cherry-picks only.", "a release manager", "/cherry-pick-approved"}
	case "do-not-merge/invalid-commit-message":
		return help{"A commit message is not accepted.", "the author, by rewording it", "git commit --amend && git push --force-with-lease"}
	case "do-not-merge/contains-merge-commits":
		return help{"It holds merge commits.", "the author, by rebasing", "git pull --rebase && git push --force-with-lease"}
	}
	return help{who: "anyone who may label", command: "/remove-label " + label}
}
