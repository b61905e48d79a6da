package crier

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// row is one failure in the comment. Its columns are read by other tools.
type row struct {
	Context  string `json:"context"`
	SHA      string `json:"sha"`
	Link     string `json:"link"`     // as it stands in the table: [link](https://…)
	Required string `json:"required"` // true, false or unknown
	Rerun    string `json:"rerun"`    // with its backquotes
}

// merge returns what the comment has to say: the old rows without those whose
// context has news, of two for one context the later, then a row for each of
// current that failed.
func merge(old []row, current []*prow.Job) []row {
	var out []row
	for i, r := range old {
		same := func(o row) bool { return o.Context == r.Context }
		news := slices.ContainsFunc(current, func(j *prow.Job) bool { return cell(j.Spec.Context) == r.Context })
		if !news && !slices.ContainsFunc(old[i+1:], same) {
			out = append(out, r)
		}
	}
	for _, j := range slices.Backward(current) { // oldest first
		if j.Status.State == prow.Failure {
			out = append(out, rowOf(j))
		}
	}
	return out
}

func rowOf(j *prow.Job) row {
	required := "unknown"
	switch j.Labels[prow.LabelOptional] {
	case "true":
		required = "false"
	case "false":
		required = "true"
	}
	return row{
		Context: cell(j.Spec.Context), SHA: j.Spec.Refs.Pulls[0].SHA, Link: "[link](" + link(j.Status.URL) + ")",
		Required: required, Rerun: "`" + strings.ReplaceAll(cell(j.Spec.RerunCommand), "`", "'") + "`",
	}
}

// cell makes text fit into one cell of a table, whatever is in it.
func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(s)
}

// link makes a URL fit into a link in a table.
func link(u string) string {
	return strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "|", "%7C", "<", "%3C", ">", "%3E", "\n", "").Replace(u)
}

// parseRows reads the rows back out of a comment.
func parseRows(body string) []row {
	if !strings.Contains(body, "<!-- "+commentKey+" -->") {
		return nil
	}
	var rows []row
	inside := false
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "---"):
			inside = true
		case line == "":
			inside = false
		case inside:
			c := append(strings.Split(line, " | "), "", "", "", "")
			rows = append(rows, row{c[0], c[1], c[2], c[3], c[4]})
		}
	}
	return rows
}

// commentBody is the comment on a pull request by author.
func commentBody(author string, rows []row, paragraph string) string {
	var b strings.Builder
	if len(rows) == 0 {
		fmt.Fprintf(&b, "@%s: every test **passed**.\n", author)
	} else {
		what, them := "one test", "it"
		if len(rows) > 1 {
			what, them = fmt.Sprintf("%d tests", len(rows)), "them"
		}
		fmt.Fprintf(&b, "@%s: %s **failed**. `/retest` runs %s again, `/retest-required` only what a merge needs:\n\n", author, what, them)
		b.WriteString("Test name | Commit | Details | Required | Rerun command\n--- | --- | --- | --- | ---\n")
		for _, r := range rows {
			b.WriteString(strings.Join([]string{r.Context, r.SHA, r.Link, r.Required, r.Rerun}, " | ") + "\n")
		}
	}
	if paragraph != "" {
		b.WriteString("\n" + paragraph + "\n")
	}
	b.WriteString("\n<details>\n\nThis comment is kept up to date: a test leaves it when it passes, and when there is a newer commit. " +
		"`/test ?` lists the tests of this repository. The details lead to the log of each run.\n</details>\n<!-- " + commentKey + " -->")
	return b.String()
}

// paragraph renders the report template of repo for the first job. A template
// that fails says nothing: the table must not wait for it.
func (w *Worker) paragraph(cfg *config.Config, repo prow.Repo, jobs []*prow.Job) string {
	if len(jobs) == 0 {
		return ""
	}
	j := jobs[len(jobs)-1]
	t := cfg.JobReportTemplate(repo, j)
	if t == nil {
		return ""
	}
	var b bytes.Buffer
	if err := t.Execute(&b, j); err != nil {
		w.Log.Warn("report template failed", "repo", repo.String(), "err", err)
		return ""
	}
	return strings.TrimSpace(b.String())
}

// sameLogin compares logins as the forge does; a bot's may carry its suffix.
func sameLogin(a, b string) bool {
	return strings.TrimSuffix(prow.NormLogin(a), "[bot]") == strings.TrimSuffix(prow.NormLogin(b), "[bot]")
}
