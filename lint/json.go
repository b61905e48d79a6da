package lint

import (
	"encoding/json"
	"io"
)

// JSON writes the findings and a summary.
func (r *Result) JSON(out io.Writer) error {
	type summary struct {
		Errors   int      `json:"errors"`
		Warnings int      `json:"warnings"`
		Notes    int      `json:"notes"`
		Failed   bool     `json:"failed"`
		Strict   bool     `json:"strict"`
		Files    int      `json:"files"`
		Jobs     int      `json:"jobs"`
		Checks   []string `json:"checks"`
		Undone   []string `json:"undone,omitempty"`
	}
	findings := r.Findings
	if findings == nil {
		findings = []Finding{}
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Findings []Finding `json:"findings"`
		Summary  summary   `json:"summary"`
	}{findings, summary{r.Count(Error), r.Count(Warning), r.Count(Note), r.Failed(), r.Strict, r.Files, r.Jobs, r.Ran, r.Undone}})
}
