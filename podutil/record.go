package podutil

import (
	"errors"
	"fmt"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// Record is what became of cloning one repository. A list of them, as JSON, is
// clone-records.json.
type Record struct {
	Refs     prow.Refs     `json:"refs"`
	Commands []Command     `json:"commands,omitempty"`
	Failed   bool          `json:"failed,omitempty"`
	FinalSHA string        `json:"final_sha,omitempty"`
	Duration time.Duration `json:"duration,omitempty"` // nanoseconds
	Why      string        `json:"why,omitempty"`      // why it failed
	Conflict bool          `json:"conflict,omitempty"` // the change is at fault: it does not merge

	err error
}

// Command is one command of a Record, with what it printed.
type Command struct {
	Command  string        `json:"command"`
	Output   string        `json:"output,omitempty"`
	Error    string        `json:"error,omitempty"`
	Duration time.Duration `json:"duration,omitempty"` // nanoseconds
}

// Err is why the clone failed: *ConflictError where the change is at fault.
func (r *Record) Err() error { return r.err }

// fail notes why a record failed, in the words of the command that did if it has
// none of its own.
func (r *Record) fail(err error) {
	r.Failed, r.err, r.Why = true, err, sentence(err.Error())
	conflict := (*ConflictError)(nil)
	r.Conflict = errors.As(err, &conflict)
	if n := len(r.Commands); n > 0 && r.Commands[n-1].Error == "" {
		r.Commands[n-1].Error = err.Error()
	}
}

// Text is a record as a person reads it, in clone-log.txt.
func (r *Record) Text() string {
	var b strings.Builder
	if r.Failed {
		b.WriteString("# FAILED!\n")
	}
	if r.Refs.Org == "" && r.Refs.Repo == "" {
		b.WriteString("# Environment setup\n")
	} else {
		fmt.Fprintf(&b, "# Cloning %s/%s at %s", r.Refs.Org, r.Refs.Repo, r.Refs.BaseRef)
		if r.Refs.BaseSHA != "" {
			fmt.Fprintf(&b, "(%s)", r.Refs.BaseSHA)
		}
		b.WriteString("\n")
	}
	if len(r.Refs.Pulls) > 0 {
		b.WriteString("# Checking out pulls:\n")
	}
	for _, p := range r.Refs.Pulls {
		fmt.Fprintf(&b, "#\t%d", p.Number)
		if p.SHA != "" {
			fmt.Fprintf(&b, "(%s)", p.SHA)
		}
		b.WriteString("\n")
	}
	for _, c := range r.Commands {
		b.WriteString("$ " + c.Command)
		if c.Duration > 0 {
			fmt.Fprintf(&b, " (runtime: %v)", c.Duration)
		}
		b.WriteString("\n")
		if c.Output != "" {
			b.WriteString(strings.TrimSuffix(c.Output, "\n") + "\n")
		}
		if c.Error != "" {
			fmt.Fprintf(&b, "# Error: %s\n", c.Error)
		}
	}
	if r.Why != "" {
		fmt.Fprintf(&b, "# %s\n", r.Why)
	}
	if r.FinalSHA != "" {
		fmt.Fprintf(&b, "# Final SHA: %s\n", r.FinalSHA)
	}
	if r.Duration > 0 {
		fmt.Fprintf(&b, "# Total runtime: %v\n", r.Duration)
	}
	return b.String()
}

// cloneLog is the text of all records.
func cloneLog(records []Record) string {
	var b strings.Builder
	for i := range records {
		b.WriteString(records[i].Text())
	}
	return b.String()
}
