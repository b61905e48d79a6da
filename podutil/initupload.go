package podutil

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	prow "github.com/prow-ci/prow"
)

// CloneError is returned by InitUpload after all was uploaded: the test must not
// begin.
type CloneError struct {
	Why      string
	Conflict bool // the change is at fault: it does not merge
}

func (e *CloneError) Error() string { return e.Why }

// cloneError is why there is nothing to test, nil if there is.
func cloneError(records []Record) *CloneError {
	for i := range records {
		if r := &records[i]; r.Failed {
			e := &CloneError{r.Why, r.Conflict}
			if e.Why == "" { // of an older clonerefs
				e.Why = "The code could not be cloned; " + prow.CloneLogFile + " says why."
			}
			return e
		}
	}
	return nil
}

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
	failed := cloneError(records)
	if failed != nil {
		result := "ERROR"
		if failed.Conflict {
			result = "FAILURE"
		}
		u.fail(u.bytes(u.name(prow.BuildLogFile), []byte(cloneLog(records))))
		u.fail(u.json(u.name(prow.FinishedFile), Finished{
			Timestamp: x.Now().Unix(), Result: result, Revision: version(u.job, records),
			Metadata: map[string]any{"why": failed.Why},
		}))
	}
	if o.LocalOutputDir == "" {
		u.pointers(address(&o.GCSOptions, u.dir))
	}
	if err := x.report(u); err != nil {
		return fmt.Errorf("the files of the run could not be uploaded: %w", err)
	}
	if failed != nil {
		return failed
	}
	return nil
}
