package plan

import (
	"fmt"
	"io"
	"slices"
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
		table(&b, p.Run, true, clean)
	}
	if len(p.Skip) > 0 {
		fmt.Fprintf(&b, "\nWould not run (%d), because:\n", len(p.Skip))
		table(&b, p.Skip, false, clean)
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

// table writes jobs. Contexts are shown where they are not named as their jobs. Only of jobs that run it says where they are written: that of the others is
// in the JSON.
func table(b *strings.Builder, jobs []Job, run bool, clean func(string) string) {
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	contexts := slices.ContainsFunc(jobs, func(j Job) bool { return j.context() != "" })
	row := func(name, context, needed, why, place string) {
		cells := []string{"  " + name, needed, why}
		if contexts {
			cells = slices.Insert(cells, 1, context)
		}
		if run {
			cells = append(cells, place)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	row("JOB", "CONTEXT", "MERGE", "WHY", "DEFINED AT")
	for i := range jobs {
		j := &jobs[i]
		row(clean(j.Name), clean(j.context()), j.needed(), clean(j.Why), clean(j.place()))
	}
	_ = t.Flush() // it writes into memory
}

// context is what j is reported as, if that is not its name.
func (j *Job) context() string {
	switch j.Context {
	case j.Name:
		return ""
	case "":
		return "(not reported)"
	}
	return j.Context
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
