package story

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// prints are the commands that show something.
func prints() map[string]func(s *story, args []string) (string, error) {
	return map[string]func(s *story, args []string) (string, error){
		"labels":     printLabels,
		"people":     printPeople,
		"comments":   printComments,
		"checks":     printChecks,
		"workflows":  printWorkflows,
		"jobs":       printJobs,
		"deliveries": printDeliveries,
		"givers":     printGivers,
	}
}

// checks are the commands that compare what was shown.
func checks() map[string]func(s *story, not bool, args []string) error {
	return map[string]func(s *story, not bool, args []string) error{
		"stdout": checkStdout,
		"lines":  checkLines,
		"count":  checkCount,
		"cmp":    checkCmp,
	}
}

func printLabels(s *story, a []string) (string, error) {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return "", err
	}
	i, err := s.Forge().Issue(s.Context(), id)
	if err != nil {
		return "", err
	}
	return join(slices.Sorted(slices.Values(i.Labels))), nil
}

// printGivers shows who is remembered as able to give a label.
func printGivers(s *story, a []string) (string, error) {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return "", err
	}
	value, err := s.db.Memory.Load(s.Context(), prow.GiversName(id, a[1]))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return string(value) + "\n", nil
}

func join(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func printPeople(s *story, a []string) (string, error) {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return "", err
	}
	i, err := s.Forge().Issue(s.Context(), id)
	if err != nil {
		return "", err
	}
	var out []string
	for _, who := range i.Assignees {
		out = append(out, "assignee "+who)
	}
	if i.IsPull {
		p := s.PullNow(id)
		for _, who := range p.Reviewers {
			out = append(out, "reviewer "+who)
		}
		for _, team := range p.ReviewTeams {
			out = append(out, "team "+team)
		}
	}
	slices.Sort(out)
	return join(out), nil
}

// printComments shows each comment as "author: text", hidden marks left out.
func printComments(s *story, a []string) (string, error) {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return "", err
	}
	all, err := s.Forge().Comments(s.Context(), id)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%s: %s\n", c.Author, strings.ReplaceAll(strings.ReplaceAll(c.Body, "\r", ""), s.URL, "https://forge"))
	}
	return b.String(), nil
}

// printWorkflows shows each run of the forge's own CI for the head, oldest first.
func printWorkflows(s *story, a []string) (string, error) {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return "", err
	}
	runs, err := s.Forge().WorkflowRuns(s.Context(), id.Repo, s.PullNow(id).HeadSHA)
	var out []string
	for _, r := range runs {
		out = append(out, strings.TrimSpace(fmt.Sprint(r.Name, " ", r.Event, " ", r.Status, " ", r.Conclusion)))
	}
	return join(out), err
}

func printChecks(s *story, a []string) (string, error) {
	id, err := prow.ParseIssueID(a[0])
	if err != nil {
		return "", err
	}
	all, err := s.Forge().Checks(s.Context(), id.Repo, s.PullNow(id).HeadSHA)
	if err != nil {
		return "", err
	}
	var out []string
	for _, c := range all {
		based := ""
		if c.BaseSHA() != "" {
			based = " (on base)"
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s%s", c.Name, c.State, c.Plain(), based)))
	}
	slices.Sort(out)
	return join(out), nil
}

// printJobs shows each job as "name type #pull state: why", commits as <sha>.
func printJobs(s *story, a []string) (string, error) {
	f := prow.JobFilter{}
	if len(a) > 0 {
		f.Job = a[0]
	}
	jobs, err := s.db.Jobs.List(s.Context(), f)
	if err != nil {
		return "", err
	}
	slices.Reverse(jobs)
	sha := regexp.MustCompile(`\b[0-9a-f]{8,40}\b`)
	var b strings.Builder
	for _, j := range jobs {
		at := ""
		if p := j.Pull(); p != nil {
			at = " #" + strconv.Itoa(p.Number)
		}
		fmt.Fprintf(&b, "%s %s%s %s: %s\n", j.Spec.Job, j.Spec.Type, at, j.Status.State, sha.ReplaceAllString(j.Annotations[prow.AnnotationWhy], "<sha>"))
	}
	return b.String(), nil
}

// printDeliveries shows what each plugin did, as "event action plugin: effect".
func printDeliveries(s *story, _ []string) (string, error) {
	all, err := s.db.Inbox.Deliveries(s.Context(), prow.DeliveryFilter{})
	if err != nil {
		return "", err
	}
	slices.Reverse(all)
	var b strings.Builder
	for _, d := range all {
		for _, r := range d.Results {
			for _, did := range r.Did {
				fmt.Fprintf(&b, "%s %s %s: %s\n", d.Event, d.Action, r.Plugin, did)
			}
		}
	}
	return b.String(), nil
}

func checkStdout(s *story, not bool, a []string) error {
	re, err := regexp.Compile("(?m)" + a[0])
	if err != nil {
		return err
	}
	switch found := re.MatchString(s.stdout); {
	case found && not:
		return fmt.Errorf("it is there")
	case !found && !not:
		return fmt.Errorf("it is not there")
	}
	return nil
}

func checkLines(s *story, _ bool, a []string) error {
	if n := strings.Count(s.stdout, "\n"); strconv.Itoa(n) != a[0] {
		return fmt.Errorf("it has %d lines", n)
	}
	return nil
}

func checkCount(s *story, _ bool, a []string) error {
	re, err := regexp.Compile("(?m)" + a[1])
	if err != nil {
		return err
	}
	if n := len(re.FindAllString(s.stdout, -1)); strconv.Itoa(n) != a[0] {
		return fmt.Errorf("it matches %d times", n)
	}
	return nil
}

func checkCmp(s *story, _ bool, a []string) error {
	want, ok := s.files[a[0]]
	if !ok {
		return fmt.Errorf("there is no file %s", a[0])
	}
	if s.stdout != want {
		return fmt.Errorf("it differs from %s:\n%s", a[0], want)
	}
	return nil
}
