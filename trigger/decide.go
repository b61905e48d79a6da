package trigger

import (
	"fmt"
	"strings"
	"sync"

	"github.com/prow-ci/prow/config"
)

// Automatic decides for a new state of a pull request: which jobs run unasked.
// The error is that of c.Files.
func Automatic(jobs []config.Presubmit, c Change) ([]Want, []Skip, error) {
	return decide(jobs, c, func(j *config.Presubmit) choice {
		if j.Automatic() {
			return choice{selected: true, why: "it runs on every change"}
		}
		return choice{why: onlyAsked(j)}
	})
}

// choice is what was found out of a job before branch and files are looked at.
type choice struct {
	selected  bool
	forced    bool   // only the branch can say no
	byDefault bool   // runs where the rules on files leave it open
	why       string // selected: why it runs, else why not
}

// decide sorts jobs by what pick says, their branches, and the changed files.
func decide(jobs []config.Presubmit, c Change, pick func(*config.Presubmit) choice) (wants []Want, skips []Skip, err error) {
	q := newQuestion(c)
	for i := range jobs {
		j := &jobs[i]
		run, why, err := judge(j, q, pick(j))
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("changed files, which %s needs to know: %w", j.Name, err)
		case run:
			wants = append(wants, Want{*j, why})
		default:
			skips = append(skips, Skip{*j, why})
		}
	}
	return wants, skips, nil
}

// question is a Change whose files are asked for once.
type question struct {
	branch string
	files  func() (*config.Files, error)
}

func newQuestion(c Change) question {
	return question{c.Branch, sync.OnceValues(func() (*config.Files, error) {
		if c.Files == nil {
			return config.NewFiles(nil), nil
		}
		list, err := c.Files()
		return config.NewFiles(list), err
	})}
}

func judge(j *config.Presubmit, q question, ch choice) (run bool, why string, err error) {
	switch {
	case !ch.selected:
		return false, ch.why, nil
	case !j.ShouldRun(q.branch):
		return false, otherBranch(&j.Brancher, q.branch), nil
	case j.AlwaysRun, ch.forced:
		return true, ch.why, nil
	case j.Conditional():
		run, why, err = byFiles(&j.ChangeMatcher, q)
		if err != nil || run || !ch.byDefault {
			return run, why, err
		}
	}
	return ch.byDefault, ch.why, nil
}

// byFiles asks the rules on changed files.
func byFiles(m *config.ChangeMatcher, q question) (run bool, why string, err error) {
	files, err := q.files()
	if err != nil {
		return false, "", err
	}
	file, run := files.First(*m)
	key, expr := "run_if_changed", m.RunIfChanged
	if expr == "" {
		key, expr = "skip_if_only_changed", m.SkipIfOnlyChanged
	}
	switch {
	case files.Len() == 0:
		return false, "no file changed, and it looks at changed files", nil
	case run && m.RunIfChanged != "":
		return true, fmt.Sprintf("%s changed, which its %s matches", file, key), nil
	case run:
		return true, fmt.Sprintf("%s changed, which its %s does not cover", file, key), nil
	case m.RunIfChanged != "":
		return false, fmt.Sprintf("no changed file matches its %s: %s", key, expr), nil
	}
	return false, fmt.Sprintf("all changed files match its %s: %s", key, expr), nil
}

func otherBranch(b *config.Brancher, branch string) string {
	if len(b.Branches) > 0 {
		if len(b.SkipBranches) == 0 {
			return fmt.Sprintf("it runs on branches %s only, and this is %s", strings.Join(b.Branches, ", "), branch)
		}
		return fmt.Sprintf("it runs on branches %s but not %s, and this is %s",
			strings.Join(b.Branches, ", "), strings.Join(b.SkipBranches, ", "), branch)
	}
	return fmt.Sprintf("it does not run on branches %s, and this is %s", strings.Join(b.SkipBranches, ", "), branch)
}

func onlyAsked(j *config.Presubmit) string {
	if j.RunBeforeMerge {
		return fmt.Sprintf("it runs before the merge, or when asked for: %s", j.RerunCommand)
	}
	return "it runs only when asked for: " + j.RerunCommand
}

// Pushed decides for a push to a branch or tag.
func Pushed(jobs []config.Postsubmit, branch string, files []string) ([]WantPush, []SkipPush) {
	var wants []WantPush
	var skips []SkipPush
	q := newQuestion(Change{Branch: branch, Files: func() ([]string, error) { return files, nil }})
	for i := range jobs {
		j := &jobs[i]
		run, why := push(j, q)
		if run {
			wants = append(wants, WantPush{*j, why})
		} else {
			skips = append(skips, SkipPush{*j, why})
		}
	}
	return wants, skips
}

func push(j *config.Postsubmit, q question) (run bool, why string) {
	switch {
	case !j.ShouldRun(q.branch):
		return false, otherBranch(&j.Brancher, q.branch)
	case j.Conditional():
		run, why, _ = byFiles(&j.ChangeMatcher, q) // these files are at hand
		return run, why
	case j.AlwaysRun != nil && !*j.AlwaysRun:
		return false, "always_run is false, so no push starts it"
	}
	return true, "it runs on every push to " + q.branch
}
