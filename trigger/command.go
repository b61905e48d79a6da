package trigger

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// The commands that every repository knows, besides the triggers of its jobs.
var (
	testAll            = regexp.MustCompile(`(?m)^/test all,?($|\s.*)`)
	retest             = regexp.MustCompile(`(?m)^/retest\s*$`)
	retestRequired     = regexp.MustCompile(`(?m)^/retest-required\s*$`)
	testManualRequired = regexp.MustCompile(`(?m)^/test-manual-required\s*$`)
	okToTest           = regexp.MustCompile(`(?m)^/ok-to-test\s*$`)
	okToTestCancel     = regexp.MustCompile(`(?m)^/ok-to-test\s+cancel\s*$`)

	testHelp     = regexp.MustCompile(`(?m)^/test[ \t]+\?\s*$`)
	testBare     = regexp.MustCompile(`(?m)^/test[ \t]*\r?$`)
	testAnything = regexp.MustCompile(`(?m)^/test[ \t]+\S`)
	retestTarget = regexp.MustCompile(`(?m)^/retest[ \t]+\S`)
)

// Said is what the commands of a comment ask for, apart from triggers of jobs.
type Said struct {
	Text               string // the comment without what is not spoken, see Spoken
	TestAll            bool
	Retest             bool // /retest or /retest-required
	RetestAll          bool // /retest
	RetestRequired     bool
	TestManualRequired bool
	OKToTest           bool
	OKToTestCancel     bool
	List               bool // /test ?
	Test               bool // /test with or without anything after it
}

// Read finds the commands in the body of a comment.
func Read(body string) Said {
	text := Spoken(body)
	all := retest.MatchString(text)
	return Said{
		Text:               text,
		RetestAll:          all,
		TestAll:            testAll.MatchString(text),
		Retest:             all || retestRequired.MatchString(text),
		RetestRequired:     retestRequired.MatchString(text),
		TestManualRequired: testManualRequired.MatchString(text),
		OKToTest:           okToTest.MatchString(text),
		OKToTestCancel:     okToTestCancel.MatchString(text),
		List:               testHelp.MatchString(text),
		Test:               testAnything.MatchString(text) || testBare.MatchString(text),
	}
}

// Asked is what became of a comment.
type Asked struct {
	Said
	Wants []Want
	Skips []Skip
	// Named reports that some job's own trigger was found.
	Named bool
	// Retested reports that a retest command is among the causes: the jobs get
	// the label for it.
	Retested bool
	// Help says in one sentence why the commands have to be explained; "" where
	// they do not.
	Help string
}

// Relevant reports whether the comment is for trigger at all.
func (a *Asked) Relevant() bool {
	return a.Named || a.TestAll || a.Retest || a.TestManualRequired || a.OKToTest || a.OKToTestCancel || a.Test || a.Help != ""
}

// Commanded decides for a comment: which jobs its commands ask for. contexts
// gives the results there are on the head; it is called only for a retest. The
// error is that of contexts or c.Files.
func Commanded(jobs []config.Presubmit, body string, c Change, contexts func() ([]prow.Check, error)) (Asked, error) {
	a := Asked{Said: Read(body)}
	results, err := newResults(a.Said, contexts)
	if err != nil {
		return a, fmt.Errorf("results of the head, which a retest needs to know: %w", err)
	}
	a.Retested = a.Retest
	comment := config.NewComment(a.Text)
	a.Wants, a.Skips, err = decide(jobs, c, func(j *config.Presubmit) choice {
		if comment.Triggers(j) {
			a.Named = true
			return choice{selected: true, forced: true, byDefault: true, why: "it was asked for by name"}
		}
		return a.choose(j, results, c.OKToTest)
	})
	a.Help = a.needsHelp()
	return a, err
}

// choose tries the filters besides a job's own trigger in their order; the first
// that selects decides.
func (a *Asked) choose(j *config.Presubmit, r results, honoured bool) choice {
	why := "no command asks for it; ask with " + j.RerunCommand
	if a.RetestAll {
		if ch := r.choose(j, "/retest"); ch.selected {
			return ch
		}
		why = r.notAgain(j)
	}
	if a.RetestRequired {
		if j.Optional {
			why = "/retest-required leaves out optional jobs"
		} else if ch := r.choose(j, "/retest-required"); ch.selected {
			return ch
		} else {
			why = r.notAgain(j)
		}
	}
	if a.TestManualRequired {
		if !j.Automatic() && !j.Optional {
			return choice{selected: true, forced: true, why: "/test-manual-required asks for it"}
		}
		why = "/test-manual-required asks for required jobs that run only when asked for"
	}
	if a.TestAll || a.OKToTest && honoured {
		if j.Automatic() {
			cause := "/test all"
			if !a.TestAll {
				cause = "/ok-to-test"
			}
			return choice{selected: true, why: cause + " asks for it"}
		}
		why = onlyAsked(j)
	}
	return choice{why: why}
}

// results are the contexts of the head.
type results struct{ state map[string]prow.CheckState }

func newResults(s Said, contexts func() ([]prow.Check, error)) (results, error) {
	if !s.Retest || contexts == nil {
		return results{}, nil
	}
	checks, err := contexts()
	if err != nil {
		return results{}, err
	}
	r := results{map[string]prow.CheckState{}}
	for _, c := range checks {
		r.state[c.Name] = c.State
	}
	return r, nil
}

func (r results) choose(j *config.Presubmit, command string) choice {
	switch state, known := r.state[j.Context]; {
	case state == prow.CheckFailure || state == prow.CheckError:
		return choice{selected: true, byDefault: true, why: fmt.Sprintf("%s: it did not succeed before", command)}
	case j.Automatic() && !known:
		return choice{selected: true, why: fmt.Sprintf("%s: it has no result yet", command)}
	}
	return choice{}
}

// notAgain says why a retest leaves j out.
func (r results) notAgain(j *config.Presubmit) string {
	switch r.state[j.Context] {
	case prow.CheckSuccess:
		return "it succeeded already"
	case prow.CheckPending:
		return "it is running already"
	}
	return onlyAsked(j)
}

// needsHelp says why the commands have to be explained.
func (a *Asked) needsHelp() string {
	switch {
	case a.List:
		return "These are the jobs of this branch."
	case testBare.MatchString(a.Text):
		return "Say after `/test` what to run."
	case retestTarget.MatchString(a.Text):
		return "`/retest` takes no name: it runs again all that failed."
	case a.TestAll && len(a.Wants) == 0:
		return "There is nothing that `/test all` could run for this change."
	case testAnything.MatchString(a.Text) && !a.TestAll && !a.Named:
		return "There is no job of that name."
	}
	return ""
}

// Offer is what can be asked for on a branch, for the answer to /test ?.
type Offer struct {
	Required  []string // commands, sorted
	Optional  []string
	Automatic []string // names of the jobs /test all may run, sorted
	All       bool     // all of them are automatic
}

// Help lists what can be asked for on the branch.
func Help(jobs []config.Presubmit, branch string) Offer {
	var o Offer
	n := 0
	for i := range jobs {
		j := &jobs[i]
		if !j.ShouldRun(branch) {
			continue
		}
		n++
		if j.Optional {
			o.Optional = append(o.Optional, j.RerunCommand)
		} else {
			o.Required = append(o.Required, j.RerunCommand)
		}
		if j.Automatic() {
			o.Automatic = append(o.Automatic, j.Name)
		}
	}
	for _, l := range []*[]string{&o.Required, &o.Optional, &o.Automatic} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
	o.All = n > 0 && len(o.Automatic) == n
	return o
}

// Empty reports that there is nothing to ask for.
func (o Offer) Empty() bool { return len(o.Required)+len(o.Optional) == 0 }

// Spoken returns a comment without what people do not mean as commands: fenced
// code and HTML comments. Lines keep their order.
func Spoken(body string) string {
	if !strings.Contains(body, "```") && !strings.Contains(body, "~~~") && !strings.Contains(body, "<!--") {
		return body
	}
	var b strings.Builder
	fence, hidden := "", false
	for line := range strings.Lines(body) {
		switch {
		case fence != "":
			if closes(line, fence) {
				fence = ""
			}
		case hidden:
			if _, after, ok := strings.Cut(line, "-->"); ok {
				hidden = false
				b.WriteString(" " + after) // not at the start of a line any more
			}
		default:
			if fence = opens(line); fence != "" {
				continue
			}
			line, hidden = uncomment(line)
			b.WriteString(line)
		}
	}
	return b.String()
}

// opens returns the fence that line opens, or "".
func opens(line string) string {
	text := strings.TrimLeft(line, " ")
	if len(line)-len(text) > 3 {
		return ""
	}
	for _, c := range []string{"`", "~"} {
		n := len(text) - len(strings.TrimLeft(text, c))
		if n >= 3 && (c == "~" || !strings.Contains(text[n:], "`")) {
			return strings.Repeat(c, n)
		}
	}
	return ""
}

// closes reports whether line ends the fence: at least as many of the same.
func closes(line, fence string) bool {
	text := strings.TrimLeft(line, " ")
	rest := strings.TrimLeft(text, fence[:1])
	return len(line)-len(text) <= 3 && len(text)-len(rest) >= len(fence) && strings.TrimSpace(rest) == ""
}

// uncomment removes HTML comments from a line; open says that one goes on.
func uncomment(line string) (out string, open bool) {
	for {
		before, after, ok := strings.Cut(line, "<!--")
		if !ok {
			return line, false
		}
		_, rest, ok := strings.Cut(after, "-->")
		if !ok {
			return before + "\n", true
		}
		line = before + " " + rest
	}
}
