package crier

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// wantsFiles reports whether j has a place in the artifacts.
func wantsFiles(j *prow.Job) bool { return j.Status.BuildID != "" }

// uploader marks the files that crier wrote, because nobody else had.
const uploader = "crier"

type startedFile struct {
	Timestamp   int64             `json:"timestamp"`
	Pull        string            `json:"pull,omitempty"`
	Repos       map[string]string `json:"repos,omitempty"`
	RepoCommit  string            `json:"repo-commit,omitempty"`
	RepoVersion string            `json:"repo-version,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

type finishedFile struct {
	Timestamp int64             `json:"timestamp"`
	Passed    bool              `json:"passed"`
	Result    string            `json:"result"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// store writes the job as it stands, and, once it is complete, what its run
// should have left and did not. Before that the run may still be writing them.
func (w *Worker) store(ctx context.Context, j *prow.Job) error {
	dir := w.dir(j)
	errs := []error{w.write(ctx, path.Join(dir, prow.ProwJobFile), j)}
	if !j.Complete() {
		return errs[0]
	}
	for name, content := range map[string]any{prow.StartedFile: started(j), prow.FinishedFile: finished(j)} {
		_, err := fs.Stat(w.Artifacts, path.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			err = w.write(ctx, path.Join(dir, name), content)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (w *Worker) dir(j *prow.Job) string {
	if w.Buckets {
		return prow.Place(j)
	}
	return prow.Dir(j)
}

func (w *Worker) write(ctx context.Context, name string, v any) error {
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	f, err := w.Artifacts.Create(ctx, name)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

func started(j *prow.Job) startedFile {
	s := startedFile{Timestamp: j.Status.StartTime.Unix(), Metadata: map[string]string{"uploader": uploader}}
	if p := j.Pull(); p != nil && j.Spec.Type == prow.Presubmit {
		s.Pull = strconv.Itoa(p.Number)
	}
	all := j.Spec.ExtraRefs
	if j.Spec.Refs != nil {
		all = append([]prow.Refs{*j.Spec.Refs}, all...)
	}
	for _, r := range all {
		if s.Repos == nil {
			s.Repos = map[string]string{}
		}
		s.Repos[r.RepoID().String()] = r.String()
	}
	s.RepoCommit = revision(j)
	s.RepoVersion = s.RepoCommit
	return s
}

// revision is what j's refs say was tested.
func revision(j *prow.Job) string {
	r := j.Spec.Refs
	for i := 0; r == nil && i < len(j.Spec.ExtraRefs); i++ {
		if !j.Spec.ExtraRefs[i].Auxiliary {
			r = &j.Spec.ExtraRefs[i]
		}
	}
	switch {
	case r == nil:
		return ""
	case len(r.Pulls) > 0:
		return r.Pulls[0].SHA
	case r.BaseSHA != "":
		return r.BaseSHA
	}
	return r.BaseRef
}

func finished(j *prow.Job) finishedFile {
	return finishedFile{
		Timestamp: j.Status.CompletionTime.Unix(), Passed: j.Status.State == prow.Success,
		Result: strings.ToLower(string(j.Status.State)), Metadata: map[string]string{"uploader": uploader},
	}
}
