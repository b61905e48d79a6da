package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/hub"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Jobs implements prow.Jobs.
type Jobs struct {
	w    *writer
	read *sql.DB
	hub  *hub.Hub

	get, existing *sql.Stmt
}

var _ prow.Jobs = (*Jobs)(nil)

func newJobs(ctx context.Context, w *writer, read *sql.DB) (*Jobs, error) {
	s := &Jobs{w: w, read: read, hub: &hub.Hub{}}
	for query, to := range map[string]**sql.Stmt{
		`SELECT jobs.version, json FROM jobs JOIN job_json USING (seq) WHERE id = ?`: &s.get,
		// What is still to be done in its order, then what is done, newest first.
		`SELECT id FROM jobs ORDER BY complete, iif(complete, -seq, seq)`: &s.existing,
	} {
		var err error
		if *to, err = read.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Create stores j, unless its name is taken.
func (s *Jobs) Create(ctx context.Context, j *prow.Job) error {
	if j.Name == "" {
		return errors.New("a job needs a name")
	}
	if j.CreationTimestamp.IsZero() {
		j.CreationTimestamp = metav1.NewTime(time.Now().UTC().Truncate(time.Second))
	}
	text, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.Name, err)
	}
	fresh := false
	err = s.w.commit(ctx, false, func(w *writer) error {
		n, err := w.execN(insertJob, append([]any{j.Name, j.CreationTimestamp.UnixNano()}, columns(j)...)...)
		if fresh = n > 0; err != nil || !fresh {
			return err
		}
		var seq int64
		if err := w.row(`SELECT last_insert_rowid()`, nil, []any{&seq}); err != nil {
			return err
		}
		if err := w.exec(`INSERT INTO job_json VALUES (?, ?)`, seq, text); err != nil {
			return err
		}
		return errors.Join(putPulls(w, seq, j), putLabels(w, seq, j.Labels))
	}, func() {
		if fresh {
			s.hub.Tell(j.Name)
		}
	})
	if err != nil {
		return fmt.Errorf("create job %s: %w", j.Name, err)
	}
	return nil
}

// Get returns the job named id.
func (s *Jobs) Get(ctx context.Context, id string) (*prow.Job, error) {
	_, _, j, err := s.load(ctx, id)
	return j, err
}

func (s *Jobs) load(ctx context.Context, id string) (version int64, text []byte, j *prow.Job, err error) {
	err = s.get.QueryRowContext(ctx, id).Scan(&version, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil, fmt.Errorf("job %s: %w", id, fs.ErrNotExist)
	}
	if err != nil {
		return 0, nil, nil, fmt.Errorf("job %s: %w", id, explain(err))
	}
	j, err = decode(id, text)
	return version, text, j, err
}

func decode(id string, text []byte) (*prow.Job, error) {
	j := new(prow.Job)
	if err := json.Unmarshal(text, j); err != nil {
		return nil, fmt.Errorf("job %s: %w", id, err)
	}
	return j, nil
}

// Update changes a job. change runs in the caller's goroutine on a copy; if
// another writer came first it runs again on a fresh one.
func (s *Jobs) Update(ctx context.Context, id string, change func(*prow.Job) error) (*prow.Job, error) {
	for {
		version, old, j, err := s.load(ctx, id)
		if err != nil {
			return nil, err
		}
		labels := maps.Clone(j.Labels)
		switch err := change(j); {
		case errors.Is(err, prow.ErrUnchanged):
			return decode(id, old) // change may have begun to write
		case err != nil:
			return nil, err
		case j.Name != id:
			return nil, fmt.Errorf("job %s: its name cannot be changed to %q", id, j.Name)
		}
		text, err := json.Marshal(j)
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", id, err)
		}
		if string(text) == string(old) {
			return j, nil
		}
		first, err := s.replace(ctx, j, version, text, labels)
		if err != nil {
			return nil, fmt.Errorf("update job %s: %w", id, err)
		}
		if first {
			return j, nil
		}
	}
}

// replace writes j if it still has the version; first is false if it has not.
func (s *Jobs) replace(ctx context.Context, j *prow.Job, version int64, text []byte, labels map[string]string) (first bool, err error) {
	err = s.w.commit(ctx, false, func(w *writer) error {
		var seq int64
		err := w.row(`SELECT seq FROM jobs WHERE id = ? AND version = ?`, []any{j.Name, version}, []any{&seq})
		if first = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.exec(updateJob, append(columns(j), seq)...); err != nil {
			return err
		}
		if err := w.exec(`UPDATE job_json SET json = ? WHERE seq = ?`, text, seq); err != nil {
			return err
		}
		if maps.Equal(labels, j.Labels) {
			return nil
		}
		return errors.Join(dropLabels(w, seq, labels), putLabels(w, seq, j.Labels))
	}, func() {
		if first {
			s.hub.Tell(j.Name)
		}
	})
	return first, err
}

// Delete forgets the job named id.
func (s *Jobs) Delete(ctx context.Context, id string) error {
	gone := false
	err := s.w.commit(ctx, false, func(w *writer) error {
		var seq int64
		var text []byte
		err := w.row(`SELECT seq, json FROM jobs JOIN job_json USING (seq) WHERE id = ?`, []any{id}, []any{&seq, &text})
		if gone = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var j prow.Job
		if err := json.Unmarshal(text, &j); err != nil {
			return err
		}
		return errors.Join(dropLabels(w, seq, j.Labels), w.exec(`DELETE FROM jobs WHERE seq = ?`, seq))
	}, func() {
		if gone {
			s.hub.Tell(id)
		}
	})
	if err != nil {
		return fmt.Errorf("delete job %s: %w", id, err)
	}
	return nil
}

// Watch yields the id of each job that may have changed.
func (s *Jobs) Watch(ctx context.Context) iter.Seq[string] {
	return s.hub.Watch(ctx, func(ctx context.Context) ([]string, error) {
		rows, err := s.existing.QueryContext(ctx)
		if err != nil {
			return nil, err
		}
		return texts(rows)
	})
}

const insertJob = `INSERT INTO jobs (id, created, type, state, complete, job, org, repo, base, base_sha, cluster, build, queue, hidden)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`

const updateJob = `UPDATE jobs SET version = version + 1, type = ?, state = ?, complete = ?, job = ?, org = ?, repo = ?,
	base = ?, base_sha = ?, cluster = ?, build = ?, queue = ?, hidden = ? WHERE seq = ?`

// columns is what of a job is searched, in the order of the statements above.
func columns(j *prow.Job) []any {
	var main, refs prow.Refs
	if r := j.MainRefs(); r != nil {
		main = *r
	}
	if j.Spec.Refs != nil {
		refs = *j.Spec.Refs
	}
	return []any{
		string(j.Spec.Type), string(j.Status.State), j.Complete(), j.Spec.Job, main.Org, main.Repo, refs.BaseRef, refs.BaseSHA,
		j.Spec.Cluster, j.Status.BuildID, j.Spec.JobQueueName, j.Spec.Hidden,
	}
}

// putPulls stores the pulls of a new job; they never change.
func putPulls(w *writer, seq int64, j *prow.Job) error {
	if j.Spec.Refs == nil {
		return nil
	}
	for i, p := range j.Spec.Refs.Pulls {
		if err := w.exec(`INSERT INTO job_pulls VALUES (?, ?, ?, ?, ?)`, seq, i, p.Number, p.SHA, p.Author); err != nil {
			return err
		}
	}
	return nil
}

func putLabels(w *writer, seq int64, labels map[string]string) error {
	for k, v := range labels {
		if err := w.exec(`INSERT INTO job_labels VALUES (?, ?, ?)`, k, v, seq); err != nil {
			return err
		}
	}
	return nil
}

func dropLabels(w *writer, seq int64, labels map[string]string) error {
	for k, v := range labels {
		if err := w.exec(`DELETE FROM job_labels WHERE name = ? AND value = ? AND seq = ?`, k, v, seq); err != nil {
			return err
		}
	}
	return nil
}
