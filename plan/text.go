package plan

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	prow "github.com/prow-ci/prow"
)

// Text writes p for people. What comes from configuration and from a change may
// hold anything; clean makes a text of it safe for one line of where w leads.
func (p *Plan) Text(w io.Writer, clean func(string) string) error {
	var b strings.Builder
	p.head(&b, clean)
	if len(p.Run) == 0 {
		b.WriteString("\nNothing would run.\n")
	} else {
		once := ""
		if len(p.Waits) > 0 {
			once = ", once " + clean(strings.Join(p.Waits, ", and "))
		}
		fmt.Fprintf(&b, "\nWould run (%d)%s:\n", len(p.Run), once)
		table(&b, p.Run, clean)
	}
	if len(p.Skip) > 0 {
		fmt.Fprintf(&b, "\nWould not run (%d), because:\n", len(p.Skip))
		table(&b, p.Skip, clean)
	}
	if len(p.Run) > 0 && p.Run[0].Try != "" {
		fmt.Fprintf(&b, "\nRun one here: %s\n", clean(p.Run[0].Try))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// head says what is asked, and what else is to be known.
func (p *Plan) head(b *strings.Builder, clean func(string) string) {
	where := p.Repo
	if p.Pull > 0 {
		where = fmt.Sprintf("%s#%d", p.Repo, p.Pull)
	}
	what := map[Cause]string{
		ByChange:  "a pull request onto " + p.Branch,
		ByComment: fmt.Sprintf("the comment %q on a pull request onto %s", p.Comment, p.Branch),
		ByPush:    "a push to " + p.Branch,
	}[p.Cause]
	fmt.Fprintf(b, "%s: %s, %s\n", clean(where), clean(what), count(len(p.Files), "changed file"))
	if p.Base != "" {
		fmt.Fprintf(b, "From %s to %s.\n", short(p.Base), short(p.Head))
	}
	switch own := p.InRepo; {
	case own.Error != "":
		fmt.Fprintf(b, "\nThe repository's own jobs cannot be used; only those of the central configuration are planned:\n")
		for line := range strings.SplitSeq(own.Error, "\n") {
			fmt.Fprintf(b, "  %s\n", clean(line))
		}
	case own.From != "":
		fmt.Fprintf(b, "The repository's own jobs are those of %s.\n", clean(own.From))
	}
	for _, n := range p.Notes {
		fmt.Fprintf(b, "Note: %s.\n", clean(n))
	}
	if p.Help != "" {
		fmt.Fprintf(b, "Prow would answer: %s\n", clean(p.Help))
	}
}

func table(b *strings.Builder, jobs []Job, clean func(string) string) {
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  JOB\tCONTEXT\tMERGE\tDEFINED AT\tWHY")
	for i := range jobs {
		j := &jobs[i]
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", clean(j.Name), cmp.Or(clean(j.Context), "(not reported)"), j.needed(), clean(j.place()), clean(j.Why))
	}
	_ = t.Flush() // it writes into memory
}

// needed says what j is for a merge.
func (j *Job) needed() string {
	switch {
	case j.Type != prow.Presubmit:
		return "-"
	case j.Required:
		return "required"
	}
	return "optional"
}

// place is where j is written.
func (j *Job) place() string {
	if j.Line == 0 {
		return j.File
	}
	return fmt.Sprintf("%s:%d", j.File, j.Line)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func short(sha string) string { return sha[:min(len(sha), 10)] }
