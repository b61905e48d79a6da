package prow

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Check is one line of the forge's list of results for a commit: a commit
// status or a check run.
type Check struct {
	Name  string // context of a status, name of a check run
	State CheckState
	Text  string // description
	URL   string
	IsRun bool // a check run; only SetCheck with IsRun false is allowed everywhere
}

// CheckState is what a check says.
type CheckState string

// The states of a check, as GitHub's statuses spell them.
const (
	CheckPending CheckState = "pending"
	CheckSuccess CheckState = "success"
	CheckFailure CheckState = "failure"
	CheckError   CheckState = "error"
)

// TestReport is the key of the comment that lists the failed tests of a pull
// request. Crier keeps it; tide removes it where a set that passed settled them.
const TestReport = "test report"

// maxText is GitHub's limit for the description of a status, in bytes.
const maxText = 140

// baseSHA finds the commit that a description carries; the second spelling is
// an older one.
var baseSHA = regexp.MustCompile(`(?: BaseSHA:| Basesha:)([0-9a-f]{40})$`)

// skipRetest in a description says: never test again for this head, wherever
// the base goes.
const skipRetest = "[prow:skip-retest]"

// WithBase returns the text of a check with the commit it was tested on, at
// most 140 bytes: a long text loses its middle. Tide reads the commit back with
// Check.BaseSHA. sha may be empty.
func WithBase(text, sha string) string {
	if sha == "" {
		return shorten(text, maxText)
	}
	suffix := " BaseSHA:" + sha
	room := maxText - len(suffix)
	text = shorten(text, room)
	const pad = "\u2001" // keeps the suffix out of sight in GitHub's list
	for len(text)+len(pad) <= room {
		text += pad
	}
	return text + suffix
}

// shorten cuts the middle out of s so that at most n bytes of valid UTF-8 remain.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const gap = " ... "
	head := (n - len(gap)) / 2
	tail := len(s) - (n - len(gap) - head)
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + gap + s[tail:]
}

// BaseSHA returns the base commit that c's text says it was tested on, or "".
func (c Check) BaseSHA() string {
	if m := baseSHA.FindStringSubmatch(c.Text); m != nil {
		return m[1]
	}
	return ""
}

// Plain returns c's text without the base commit.
func (c Check) Plain() string {
	return strings.TrimRight(baseSHA.ReplaceAllString(c.Text, ""), "\u2001 ")
}

// SkipRetest reports whether c stays good when the base branch moves.
func (c Check) SkipRetest() bool { return strings.Contains(c.Text, skipRetest) }

// StickyText marks the text of a check so that SkipRetest holds for it.
func StickyText(text string) string { return text + " " + skipRetest }

// CheckFor returns the state of the check that shows a job in state s.
func CheckFor(s State) CheckState {
	switch s {
	case Success:
		return CheckSuccess
	case Failure, Aborted:
		return CheckFailure
	case Error:
		return CheckError
	}
	return CheckPending
}
