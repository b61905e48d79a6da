package gate

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// maxProblems bounds how many unreadable OWNERS files are named.
const maxProblems = 10

// text is the notification. Its first line and its last are read by machines.
func (v approvalVerdict) text() string {
	var b strings.Builder
	state := "NOT APPROVED"
	if v.Approved {
		state = "APPROVED"
	}
	fmt.Fprintf(&b, "[APPROVALNOTIFIER] This PR is **%s**\n\n", state)
	if v.Approved && !v.Met {
		b.WriteString("It counts as approved because somebody put the label on by hand.\n\n")
	}
	v.writeApprovals(&b)
	if !v.Approved {
		v.writeWhom(&b)
	}
	v.writeIssue(&b)
	if v.Truncated {
		fmt.Fprintf(&b, "This change has %d files or more, and GitHub lists no more than that. The files that are not listed cannot be approved one by one: "+
			"split the pull request, or let somebody who may do so add the label by hand.\n\n", prow.ListedFiles)
	}
	if len(v.Files) == 0 {
		b.WriteString("This pull request changes no files, so there is nothing to approve.\n\n")
	}
	fmt.Fprintf(&b, "[All that you can say to me](%s?repo=%s).\n\n", v.Options.CommandHelpLink, url.QueryEscape(v.ID.Repo.String()))
	if v.Approved {
		fmt.Fprintf(&b, "How review works here: [the process](%s).\n\n", v.Options.ProcessLink)
	}
	v.writeDetails(&b)
	v.writeProblems(&b)
	b.WriteString(v.meta())
	return b.String()
}

func (v approvalVerdict) writeApprovals(b *strings.Builder) {
	b.WriteString("Approvals so far: ")
	var links []string
	for _, a := range v.Approvals {
		links = append(links, fmt.Sprintf("*<a href=\"%s\" title=\"%s\">%s</a>*", a.URL, a.How, a.Login))
	}
	if len(links) == 0 {
		links = []string{"nobody yet"}
	}
	b.WriteString(strings.Join(links, ", ") + "\n\n")
}

func (v approvalVerdict) writeWhom(b *strings.Builder) {
	process := fmt.Sprintf("How that works: [the review process](%s).\n\n", v.Options.ProcessLink)
	if len(v.Assign) > 0 {
		fmt.Fprintf(b, "Still to approve: %s. Ask with `/assign %s`. %s",
			strings.Join(v.Assign, ", "), mentions(v.Assign), process)
		process = ""
	}
	if len(v.Ask) > 0 {
		fmt.Fprintf(b, "Assigned already, and able to approve: %s. A friendly comment may help. %s", strings.Join(v.Ask, ", "), process)
		if process == "" {
			b.WriteString("\n\n")
		}
	}
}

// mentions writes logins so that nobody is notified until the line is copied.
func mentions(logins []string) string {
	var out []string
	for _, l := range logins {
		out = append(out, "@"+l)
	}
	return strings.Join(out, " ")
}

func (v approvalVerdict) writeIssue(b *strings.Builder) {
	if !v.Options.IssueRequired {
		return
	}
	switch {
	case v.Issue != "":
		fmt.Fprintf(b, "Linked issue: *#%s*\n\n", v.Issue)
	case len(v.NoIssueBy) > 0:
		fmt.Fprintf(b, "No linked issue is needed, says *%s*\n\n", strings.Join(v.NoIssueBy, ", "))
	case v.Approved:
		b.WriteString("No linked issue is needed, since the label was put on by hand.\n\n")
	default:
		b.WriteString("*No linked issue.* Name one in the description of this pull request by its number, as in `#1234`, or let an approver waive it by `/approve no-issue`.\n\n")
	}
}

func (v approvalVerdict) writeDetails(b *strings.Builder) {
	if v.Approved {
		b.WriteString("<details >\n")
	} else {
		b.WriteString("<details open>\n")
	}
	if len(v.Dirs) > 0 {
		b.WriteString("Each of these files has approvers, and one of them has to say yes:\n\n")
	} else {
		b.WriteString("No file needs an approval.\n\n")
	}
	for _, d := range v.Dirs {
		file := v.Owners.File(d.Dir)
		switch {
		case d.Approved:
			fmt.Fprintf(b, "- ~~[%s](%s)~~ [%s]\n", file, v.link(file), strings.Join(d.By, ","))
		case len(d.By) > 0:
			fmt.Fprintf(b, "- **[%s](%s)** (in part: [%s])\n", file, v.link(file), strings.Join(d.By, ","))
		default:
			fmt.Fprintf(b, "- **[%s](%s)**\n", file, v.link(file))
		}
	}
	b.WriteString("\nTo approve, comment `/approve`; to take it back, `/approve cancel`.\n</details>\n")
}

func (v approvalVerdict) writeProblems(b *strings.Builder) {
	problems := v.Owners.Problems()
	if len(problems) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details>\n<summary>Problems in OWNERS files of `%s`</summary>\n\n", v.Base)
	for i, p := range problems {
		if i == maxProblems {
			fmt.Fprintf(b, "- and %d more\n", len(problems)-i)
			break
		}
		fmt.Fprintf(b, "- [%s](%s): %s\n", p.Path, v.link(p.Path), strings.ReplaceAll(p.Text, "<", "&lt;"))
	}
	b.WriteString("</details>\n")
}

func (v approvalVerdict) link(file string) string {
	u := url.URL{Path: "/" + v.ID.Repo.String() + "/blob/" + v.Base + "/" + file}
	return plugin.LinkTo(v.LinkURL, u.EscapedPath())
}

// meta is the trailer that tools read.
func (v approvalVerdict) meta() string {
	people := slices.Concat(v.Ask, v.Assign)
	slices.Sort(people)
	if people == nil {
		people = []string{}
	}
	list, _ := json.Marshal(people) // strings alone always marshal
	return fmt.Sprintf("<!-- META={\"approvers\":%s} -->", list)
}
