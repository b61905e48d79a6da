package lint

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Parts of SARIF 2.1.0, an OASIS standard for results of static analysis.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool        `json:"executionSuccessful"`
		Notifications       []sarifNote `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNote struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string          `json:"id"`
		ShortDescription     sarifText       `json:"shortDescription"`
		FullDescription      sarifText       `json:"fullDescription"`
		Help                 sarifText       `json:"help"`
		HelpURI              string          `json:"helpUri"`
		DefaultConfiguration sarifRuleConfig `json:"defaultConfiguration"`
	}
	sarifRuleConfig struct {
		Level   string `json:"level"`
		Enabled bool   `json:"enabled"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string       `json:"ruleId"`
		RuleIndex int          `json:"ruleIndex"`
		Level     string       `json:"level"`
		Message   sarifText    `json:"message"`
		Locations []sarifPlace `json:"locations,omitempty"`
	}
	sarifPlace struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifLocation `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifLocation struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int        `json:"startLine"`
		StartColumn int        `json:"startColumn,omitempty"`
		EndColumn   int        `json:"endColumn,omitempty"`
		Snippet     *sarifText `json:"snippet,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	home        = "https://github.com/prow-ci/prow"
)

// SARIF writes the findings for code scanning. Files are named from the folder here
// on, as the forge knows them, if they are below it; here may be "".
func (r *Result) SARIF(out io.Writer, version, here string) error {
	rules := rules()
	log := sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{{
		Tool:       sarifTool{sarifDriver{Name: "prow checkconfig", Version: version, InformationURI: home, Rules: rules}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}}}
	run := &log.Runs[0]
	run.Invocations = []sarifInvocation{{ExecutionSuccessful: true}}
	for _, u := range r.Undone {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNote{"note", sarifText{"not done: " + u}})
	}
	for _, f := range r.Findings {
		run.Results = append(run.Results, f.sarif(rules, here))
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(log)
}

// rules lists the checks, and the kinds of what keeps a configuration from loading.
func rules() []sarifRule {
	rule := func(name, help, level string, enabled bool) sarifRule {
		short, _, _ := strings.Cut(help, ". ")
		return sarifRule{
			ID: name, ShortDescription: sarifText{strings.TrimSuffix(short, ".") + "."}, FullDescription: sarifText{help}, Help: sarifText{help},
			HelpURI: home + "/blob/main/docs/checkconfig.md#" + name, DefaultConfiguration: sarifRuleConfig{level, enabled},
		}
	}
	var out []sarifRule
	for _, k := range LoadErrors() {
		out = append(out, rule(k.Name, k.Help, "error", true))
	}
	for _, c := range All() {
		level := "warning"
		switch {
		case c.Fatal:
			level = "error"
		case c.New:
			level = "note"
		}
		out = append(out, rule(c.Name, c.Help, level, c.Default))
	}
	return out
}

func (f *Finding) sarif(rules []sarifRule, here string) sarifResult {
	text := f.Message()
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	res := sarifResult{
		RuleID: f.Kind, RuleIndex: slices.IndexFunc(rules, func(r sarifRule) bool { return r.ID == f.Kind }),
		Level: string(f.Severity), Message: sarifText{text},
	}
	if f.File == "" {
		return res
	}
	place := sarifPlace{Physical: sarifPhysical{Artifact: sarifLocation{relativeURI(f.File, here)}}}
	if f.Line > 0 {
		place.Physical.Region = &sarifRegion{StartLine: f.Line, StartColumn: f.Column}
		if f.Snippet != "" {
			place.Physical.Region.Snippet = &sarifText{f.Snippet}
			if end := 1 + utf8.RuneCountInString(f.Snippet); f.Column > 0 && end > f.Column {
				place.Physical.Region.EndColumn = end
			}
		}
	}
	if f.Path != "" {
		place.Logical = []sarifLogical{{f.Path}}
	}
	res.Locations = []sarifPlace{place}
	return res
}

// relativeURI names a file from here on, if it is below.
func relativeURI(file, here string) string {
	if filepath.IsAbs(file) && here != "" {
		if rel, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(rel, "..") {
			file = rel
		}
	}
	u := url.URL{Path: filepath.ToSlash(filepath.Clean(file))}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}
