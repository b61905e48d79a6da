package podutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	prow "github.com/prow-ci/prow"
)

// ErrCloneFailed is returned by InitUpload after all was uploaded: the pod must not
// go on to the test.
var ErrCloneFailed = errors.New("the code could not be cloned, so the test does not run; clone-log.txt says why")

// InitUpload uploads what is known before the test: started.json, the records of
// the clones, and the pointers to this run.
func (x *Utility) InitUpload(ctx context.Context, o *prow.InitUploadOptions, spec prow.JobSpec) error {
	var records []Record
	if o.Log != "" {
		b, err := os.ReadFile(o.Log)
		if err != nil {
			return fmt.Errorf("the records of the clones: %w", err)
		}
		if err := json.Unmarshal(b, &records); err != nil {
			return fmt.Errorf("the records of the clones, %s: %w", o.Log, err)
		}
	}
	u, err := x.upload(ctx, &o.GCSOptions, spec)
	if err != nil {
		return err
	}
	u.started(x.Now(), records)
	failed := slices.ContainsFunc(records, func(r Record) bool { return r.Failed })
	if failed {
		u.fail(u.bytes(u.name(prow.BuildLogFile), []byte(cloneLog(records))))
		u.fail(u.json(u.name(prow.FinishedFile), Finished{
			Timestamp: x.Now().Unix(), Result: "FAILURE", Revision: version(u.job, records),
			Metadata: map[string]any{"why": "The code could not be cloned."},
		}))
	}
	if o.LocalOutputDir == "" {
		u.pointers(address(&o.GCSOptions, u.dir))
	}
	if err := x.report(u); err != nil {
		return fmt.Errorf("the files of the run could not be uploaded: %w", err)
	}
	if failed {
		return ErrCloneFailed
	}
	return nil
}
