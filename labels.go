package prow

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
