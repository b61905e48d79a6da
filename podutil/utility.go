package podutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// Utility is what clonerefs, initupload, entrypoint, sidecar and gcsupload need of
// the world. Each of them is a method, called once in a process of its own.
type Utility struct {
	// Open opens the store that the options name. The files of a run go below the
	// returned folder, which is "" for the store itself.
	Open    func(ctx context.Context, o *prow.GCSOptions) (prow.Artifacts, error)
	Signals <-chan os.Signal // SIGINT and SIGTERM
	Stdout  io.Writer        // of the test
	Log     *slog.Logger
	Now     prow.Clock
	LogFile string // where Log goes, if sidecar is to upload it; "" for none
	Temp    string // folder for files of our own; "" is the system's
}

// farPause is the unit of the pauses between tries to reach a store: 1, 4, 9 s.
const farPause = time.Second

// ReadJobSpec reads $JOB_SPEC.
func ReadJobSpec(text string) (prow.JobSpec, error) {
	var spec prow.JobSpec
	if text == "" {
		return spec, errors.New("JOB_SPEC is not set: it says which job the files belong to, as Prow gives it to each container")
	}
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return spec, fmt.Errorf("JOB_SPEC: %w", err)
	}
	if spec.Job == "" || spec.BuildID == "" {
		return spec, errors.New("JOB_SPEC: the job or its buildid is missing")
	}
	return spec, nil
}

// CheckGCSOptions says what is missing.
func CheckGCSOptions(o *prow.GCSOptions) error {
	switch {
	case o == nil || o.GCSConfiguration == nil:
		return errors.New("the options say nothing of a bucket")
	case o.LocalOutputDir != "" || o.DryRun:
	case o.Bucket == "":
		return errors.New("bucket is missing: it says where the files go, as gs://name, s3://name, azblob://name or a folder")
	}
	c := o.GCSConfiguration
	switch c.PathStrategy {
	case "explicit":
	case "legacy", "single":
		if c.DefaultOrg == "" || c.DefaultRepo == "" {
			return fmt.Errorf("path_strategy %s needs default_org and default_repo", c.PathStrategy)
		}
	default:
		return fmt.Errorf("path_strategy is %q: want legacy, single or explicit", c.PathStrategy)
	}
	return nil
}

// jobOf is a job of which only what names its files is known.
func jobOf(spec prow.JobSpec, c *prow.GCSConfiguration) *prow.Job {
	d := prow.DecorationConfig{}
	if spec.DecorationConfig != nil {
		d = *spec.DecorationConfig
	}
	d.GCSConfiguration = c
	j := &prow.Job{Spec: prow.Spec{
		Type: spec.Type, Job: spec.Job, Refs: spec.Refs, ExtraRefs: spec.ExtraRefs, DecorationConfig: &d,
	}}
	j.Name, j.Status.BuildID = spec.ProwJobID, spec.BuildID
	return j
}

// upload opens the store and prepares to bring the files of a run there.
func (x *Utility) upload(ctx context.Context, o *prow.GCSOptions, spec prow.JobSpec) (*upload, error) {
	if err := CheckGCSOptions(o); err != nil {
		return nil, err
	}
	u := &upload{
		ctx: ctx, job: jobOf(spec, o.GCSConfiguration), how: o.GCSConfiguration, pause: farPause,
		hidden: func() []string { return nil },
	}
	u.dir = path.Join(prow.Dir(u.job), o.SubDir)
	switch {
	case o.DryRun:
		u.to = dryRun{log: x.Log, bucket: o.Bucket}
		return u, nil
	case o.LocalOutputDir != "":
		u.dir = o.SubDir
	}
	var err error
	u.to, err = x.Open(ctx, o)
	return u, err
}

// address is where a run is, with the scheme of its store.
func address(o *prow.GCSOptions, dir string) string {
	bucket := strings.TrimSuffix(o.Bucket, "/")
	if !strings.Contains(bucket, "://") && !strings.HasPrefix(bucket, "/") {
		bucket = "gs://" + bucket
	}
	return bucket + "/" + dir
}

// report logs what an upload has to say, and returns its errors as one.
func (x *Utility) report(u *upload) error {
	for _, w := range u.warnings {
		x.Log.Warn("file not uploaded", "why", w)
	}
	return errors.Join(u.errs...)
}
