package prow

import (
	"maps"
	"path"
	"strconv"
	"strings"
)

// Labels and annotations of ProwJobs and their pods. They are a public
// interface: scripts and dashboards select by them.
const (
	LabelCreatedByProw = "created-by-prow"
	LabelType          = "prow.k8s.io/type"
	LabelJob           = "prow.k8s.io/job"
	LabelContext       = "prow.k8s.io/context"
	LabelOrg           = "prow.k8s.io/refs.org"
	LabelRepo          = "prow.k8s.io/refs.repo"
	LabelBaseRef       = "prow.k8s.io/refs.base_ref"
	LabelPull          = "prow.k8s.io/refs.pull"
	LabelID            = "prow.k8s.io/id"
	LabelBuildID       = "prow.k8s.io/build-id"
	LabelPlankVersion  = "prow.k8s.io/plank-version"
	LabelEventGUID     = "event-GUID"
	LabelOptional      = "prow.k8s.io/is-optional"
	LabelRetest        = "prow.k8s.io/retest"
	LabelByTide        = "created-by-tide"
	LabelReRun         = "prow.k8s.io/re-run"

	AnnotationJob     = "prow.k8s.io/job"
	AnnotationContext = "prow.k8s.io/context"
	// AnnotationRerunOf names the job a person asked to run again. New here.
	AnnotationRerunOf = "prow.k8s.io/rerun-of"
	// AnnotationTick is the scheduled time, RFC 3339, that a periodic run
	// answers. New here: it lets a restarted horologium see missed ticks.
	AnnotationTick = "prow.k8s.io/tick"
	// AnnotationWhy says in one sentence why the job was started. New here.
	AnnotationWhy = "prow.k8s.io/why"
)

// Labels of pull requests that more than one part reads.
const (
	LGTM          = "lgtm"
	Approved      = "approved"
	Hold          = "do-not-merge/hold"
	WIP           = "do-not-merge/work-in-progress"
	OKToTest      = "ok-to-test"
	NeedsOKToTest = "needs-ok-to-test"
)

// Labels returns the labels that a job of s and its pod have: the computed ones,
// and over them the given, the last winning. A value that cannot be a label's is
// replaced by what follows its last slash, and left out if that cannot either.
func (s *Spec) Labels(over ...map[string]string) map[string]string {
	out := map[string]string{
		LabelCreatedByProw: "true",
		LabelType:          string(s.Type),
		LabelJob:           shortLabel(s.Job),
		LabelContext:       shortLabel(s.Context),
	}
	if r := s.MainRefs(); r != nil {
		out[LabelOrg], out[LabelRepo], out[LabelBaseRef] = r.Org, r.Repo, r.BaseRef
		if len(r.Pulls) > 0 {
			out[LabelPull] = strconv.Itoa(r.Pulls[0].Number)
		}
	}
	for _, m := range over {
		maps.Copy(out, m)
	}
	for k, v := range out {
		switch base := path.Base(v); {
		case labelValue(v):
		case labelValue(base):
			out[k] = base
		default:
			delete(out, k)
		}
	}
	return out
}

// Annotations returns the annotations that a job of s and its pod have: the
// full values of what labels shorten, and over them the given, the last winning.
func (s *Spec) Annotations(over ...map[string]string) map[string]string {
	out := map[string]string{AnnotationJob: s.Job, AnnotationContext: s.Context}
	for _, m := range over {
		maps.Copy(out, m)
	}
	return out
}

// maxLabel is how long the value of a label may be.
const maxLabel = 63

func shortLabel(s string) string {
	if len(s) <= maxLabel {
		return s
	}
	return strings.TrimRight(s[:maxLabel], "._-")
}

// labelValue reports whether s may be the value of a label: empty, or at most 63
// letters, digits, and inside it also -, _ and dots.
func labelValue(s string) bool {
	if len(s) > maxLabel {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case (c == '-' || c == '_' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return true
}
