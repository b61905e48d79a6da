package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/hub"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Options of Open.
type Options struct {
	Config    *rest.Config
	Namespace string // of the ProwJobs
	// Answer makes this process the one that says on resources which other
	// clients made or edited wrongly what is wrong. It belongs where plank runs.
	Answer bool
	Log    *slog.Logger
	Now    prow.Clock
}

// Jobs implements prow.Jobs on ProwJob resources. What this process wrote is
// seen by it at once; what others write, as soon as the watch tells.
type Jobs struct {
	api       *api
	path      string
	namespace string
	log       *slog.Logger
	now       prow.Clock
	cache     *cache
	hub       *hub.Hub
	mirrored  *reflection
	// subresource says that status is written apart from the rest.
	subresource bool

	writing keyed
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

var _ prow.Jobs = (*Jobs)(nil)

// Open reads all ProwJobs of a namespace and follows them until Close.
func Open(ctx context.Context, o Options) (*Jobs, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	api, err := newAPI(o.Config)
	if err != nil {
		return nil, err
	}
	h := &hub.Hub{}
	s := &Jobs{
		api: api, path: apiPath + "/namespaces/" + o.Namespace + "/prowjobs", namespace: o.Namespace,
		log: o.Log, now: o.Now, hub: h, cache: newCache(o.Log, h.Tell),
	}
	if s.subresource, err = s.statusApart(ctx); err != nil {
		return nil, err
	}
	s.mirrored = &reflection{api: api, path: s.path, mirror: s.cache, log: o.Log}
	if err := s.mirrored.list(ctx); err != nil {
		return nil, fmt.Errorf("list ProwJobs in namespace %s: %w", o.Namespace, s.explain(err))
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.stopped.Go(func() { s.mirrored.follow(ctx) })
	if o.Answer {
		s.stopped.Go(func() { s.answer(ctx) })
	}
	return s, nil
}

const apiPath = "/apis/" + prow.APIVersion

// statusApart reports whether the API server has the status of ProwJobs as a
// subresource. The original's and ours do not.
func (s *Jobs) statusApart(ctx context.Context) (bool, error) {
	body, _, err := s.api.call(ctx, request{method: http.MethodGet, path: apiPath})
	if apierrors.IsNotFound(err) {
		return false, prow.Final(errors.New("the cluster does not know ProwJobs: apply their definition first, kubectl apply -f deploy/crd/prowjob.yaml"))
	}
	if err != nil {
		return false, fmt.Errorf("ask the API server for ProwJobs: %w", s.explain(err))
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(body, &list); err != nil {
		return false, err
	}
	for _, r := range list.APIResources {
		if r.Name == "prowjobs/status" {
			return true, nil
		}
	}
	return false, nil
}

// Healthy returns an error while the API server cannot be followed: what is read
// then is as it was before. Writes that fail say so themselves.
func (s *Jobs) Healthy() error { return s.mirrored.healthy() }

// Close ends all watches. It does not wait for calls under way.
func (s *Jobs) Close() error {
	s.stop()
	s.hub.Close()
	s.stopped.Wait()
	return nil
}

// Create stores j, unless its name is taken. The CreationTimestamp is the API
// server's, whatever it was before.
func (s *Jobs) Create(ctx context.Context, j *prow.Job) error {
	if j.Name == "" {
		return errors.New("a job needs a name")
	}
	out := *j
	out.APIVersion, out.Kind, out.Namespace, out.ResourceVersion, out.UID, out.ManagedFields = prow.APIVersion, prow.Kind, s.namespace, "", "", nil
	out.Annotations = withCreated(out.Annotations, s.now())
	body, err := json.Marshal(&out)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.Name, err)
	}
	defer s.writes(j.Name)()
	answer, _, err := s.api.call(ctx, request{method: http.MethodPost, path: s.path, kind: "application/json", body: body, accept: metadataOnly})
	if apierrors.IsAlreadyExists(err) {
		if s.cache.get(j.Name) == nil {
			_, err := s.fetch(ctx, j.Name)
			return err
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("create job %s: %w", j.Name, s.explain(err))
	}
	if err := meta(answer, &out); err != nil {
		return fmt.Errorf("create job %s: %w", j.Name, err)
	}
	if s.subresource {
		if answer, _, err = s.patch(ctx, j.Name, "/status", out.ResourceVersion, map[string]any{"status": out.Status}); err != nil {
			return fmt.Errorf("create job %s: status: %w", j.Name, s.explain(err))
		}
		if err := meta(answer, &out); err != nil {
			return fmt.Errorf("create job %s: %w", j.Name, err)
		}
	}
	j.CreationTimestamp, j.Annotations = out.CreationTimestamp, out.Annotations
	return s.remember(&out, true)
}

// writes makes the writes of one job follow one another.
func (s *Jobs) writes(id string) (done func()) {
	free := s.writing.lock(id)
	written := s.cache.write(id)
	return func() {
		written()
		free()
	}
}

func withCreated(a map[string]string, at time.Time) map[string]string {
	out := make(map[string]string, len(a)+1)
	for k, v := range a {
		out[k] = v
	}
	out[annotationCreated] = at.UTC().Format(time.RFC3339Nano)
	return out
}

// meta takes over the metadata of an answer.
func meta(answer []byte, j *prow.Job) error {
	var o metav1.PartialObjectMetadata
	if err := json.Unmarshal(answer, &o); err != nil {
		return err
	}
	j.ObjectMeta = o.ObjectMeta
	j.ManagedFields = nil
	return nil
}

// remember holds a job as this process has just written it.
func (s *Jobs) remember(j *prow.Job, tracked bool) error {
	raw, err := json.Marshal(j)
	if err != nil {
		return err
	}
	id, err := identify(raw)
	if err != nil {
		return err
	}
	id.tracked = tracked
	e, err := s.cache.packer.pack(id, raw)
	if err != nil {
		return err
	}
	e.ours = true
	s.cache.hold(e)
	return nil
}

// fetch asks the API server for a job that the watch has not told of, or not
// enough.
func (s *Jobs) fetch(ctx context.Context, id string) (*entry, error) {
	body, _, err := s.api.call(ctx, request{method: http.MethodGet, path: s.path + "/" + id})
	return s.took(id, body, err)
}

// took holds what fetching a job answered.
func (s *Jobs) took(id string, body []byte, err error) (*entry, error) {
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("job %s: %w", id, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", id, s.explain(err))
	}
	e, err := s.cache.take(body)
	if err == nil && e == nil {
		err = fmt.Errorf("job %s: %w", id, fs.ErrNotExist)
	}
	return e, err
}

func (s *Jobs) load(ctx context.Context, id string) (*entry, error) {
	if e := s.cache.get(id); e != nil {
		return e, nil
	}
	if id == "" || strings.Contains(id, "/") {
		return nil, fmt.Errorf("job %q: %w", id, fs.ErrNotExist)
	}
	return s.fetch(ctx, id)
}

// Get returns the job named id. What of it does not read as a ProwJob should is
// left out.
func (s *Jobs) Get(ctx context.Context, id string) (*prow.Job, error) {
	e, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.unpack(e)
}

// Where says on which build cluster a job runs, "" for the default, and by which
// agent; ok is false for a job that this process has not heard of. It asks nobody.
func (s *Jobs) Where(id string) (cluster string, agent string, ok bool) {
	e := s.cache.get(id)
	if e == nil {
		return "", "", false
	}
	return e.cluster.Value(), e.agent.Value(), true
}

func (s *Jobs) unpack(e *entry) (*prow.Job, error) {
	j, err := s.cache.packer.unpack(e)
	if j == nil {
		return nil, fmt.Errorf("job %s: %w", e.id, err)
	}
	return j, nil
}

// List returns the jobs that f describes, newest created first.
func (s *Jobs) List(ctx context.Context, f prow.JobFilter) ([]*prow.Job, error) {
	found := s.cache.find(f)
	out := make([]*prow.Job, 0, len(found))
	for _, e := range found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		j, err := s.unpack(e)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// Count counts the jobs that f describes, by state.
func (s *Jobs) Count(_ context.Context, f prow.JobFilter) (map[prow.State]int, error) {
	return s.cache.count(f), nil
}

// Update changes a job by a patch of what changed. change runs in the caller's
// goroutine on a copy; if another writer came first it runs again on a fresh one.
func (s *Jobs) Update(ctx context.Context, id string, change func(*prow.Job) error) (*prow.Job, error) {
	e, err := s.load(ctx, id)
	for err == nil {
		var j *prow.Job
		if j, e, err = s.try(ctx, e, change); j != nil {
			return j, err
		}
	}
	return nil, err
}

// try makes one attempt to change the job as e has it. Without a job and without
// an error another writer came first, and the entry is what that one left.
func (s *Jobs) try(ctx context.Context, e *entry, change func(*prow.Job) error) (*prow.Job, *entry, error) {
	j, err := s.unpack(e)
	if err != nil {
		return nil, nil, err
	}
	before, err := partsOf(j)
	if err != nil {
		return nil, nil, err
	}
	switch err := change(j); {
	case errors.Is(err, prow.ErrUnchanged):
		j, err := s.unpack(e) // change may have begun to write
		return j, e, err
	case err != nil:
		return nil, nil, err
	case j.Name != e.id:
		return nil, nil, fmt.Errorf("job %s: its name cannot be changed to %q", e.id, j.Name)
	}
	after, err := partsOf(j)
	if err != nil {
		return nil, nil, err
	}
	patch, err := before.diff(after)
	if err != nil {
		return nil, nil, fmt.Errorf("update job %s: %w", e.id, err)
	}
	if len(patch) == 0 {
		return j, e, nil
	}
	defer s.writes(e.id)()
	if now := s.cache.get(e.id); now != nil && now.version != e.version {
		return nil, now, nil // somebody here was faster: no need to ask the API server
	}
	return s.write(ctx, e, j, patch)
}

// write sends a patch of the job as e has it, which makes it j.
func (s *Jobs) write(ctx context.Context, e *entry, j *prow.Job, patch map[string]any) (*prow.Job, *entry, error) {
	version := j.ResourceVersion
	status, apart := patch["status"]
	apart = apart && s.subresource
	if apart {
		delete(patch, "status")
	}
	if len(patch) > 0 {
		if e.tracked {
			patch["metadata"] = with(patch["metadata"], "managedFields", []any{map[string]any{}})
		}
		answer, again, err := s.patchOr(ctx, e, j, "", version, patch)
		if answer == nil {
			return nil, again, err
		}
		if err := meta(answer, j); err != nil {
			return nil, nil, err
		}
	}
	if apart {
		answer, again, err := s.patchOr(ctx, e, j, "/status", j.ResourceVersion, map[string]any{"status": status})
		if answer == nil {
			return nil, again, err
		}
		if err := meta(answer, j); err != nil {
			return nil, nil, err
		}
	}
	return j, nil, s.remember(j, false)
}

func with(m any, key string, value any) map[string]any {
	out, ok := m.(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	out[key] = value
	return out
}

// patchOr patches, or says what to do if that was not possible: begin again with
// another entry, or give up with an error.
func (s *Jobs) patchOr(ctx context.Context, e *entry, j *prow.Job, sub, version string, patch map[string]any) ([]byte, *entry, error) {
	answer, unsure, err := s.patch(ctx, e.id, sub, version, patch)
	switch {
	case err == nil:
		return answer, nil, nil
	case apierrors.IsConflict(err):
		body, _, err := s.api.call(ctx, request{method: http.MethodGet, path: s.path + "/" + e.id})
		if err == nil && unsure && s.same(body, j) {
			return body, nil, nil // the first try had been carried out
		}
		now, err := s.took(e.id, body, err)
		return nil, now, err
	case apierrors.IsNotFound(err):
		s.cache.forget(e.id, e.uid, true)
		return nil, nil, fmt.Errorf("job %s: %w", e.id, fs.ErrNotExist)
	}
	return nil, nil, fmt.Errorf("update job %s: %w", e.id, s.explain(err))
}

// same reports whether a resource says what j does.
func (s *Jobs) same(body []byte, j *prow.Job) bool {
	var now prow.Job
	if json.Unmarshal(body, &now) != nil {
		return false
	}
	p, err := partsOf(&now)
	q, err2 := partsOf(j)
	return err == nil && err2 == nil && bytes.Equal(p.metadata, q.metadata) && bytes.Equal(p.spec, q.spec) && bytes.Equal(p.status, q.status)
}

func (s *Jobs) patch(ctx context.Context, id, sub, version string, patch map[string]any) (answer []byte, unsure bool, err error) {
	patch["metadata"] = with(patch["metadata"], "resourceVersion", version)
	body, err := json.Marshal(patch)
	if err != nil {
		return nil, false, err
	}
	return s.api.call(ctx, request{method: http.MethodPatch, path: s.path + "/" + id + sub, kind: "application/merge-patch+json", body: body, accept: metadataOnly})
}

// Delete forgets the job named id.
func (s *Jobs) Delete(ctx context.Context, id string) error {
	if id == "" || strings.Contains(id, "/") {
		return nil
	}
	defer s.writes(id)()
	e := s.cache.get(id)
	answer, _, err := s.api.call(ctx, request{method: http.MethodDelete, path: s.path + "/" + id})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete job %s: %w", id, s.explain(err))
	}
	if err == nil && !bytes.Contains(answer, []byte(`"kind":"Status"`)) { // a finalizer holds it
		_, err := s.cache.take(answer)
		return err
	}
	if e != nil {
		s.cache.forget(id, e.uid, err == nil)
	}
	return nil
}

// Watch yields the id of each job that may have changed.
func (s *Jobs) Watch(ctx context.Context) iter.Seq[string] { return s.hub.Watch(ctx, s.cache.known) }

// explain says of an API server's refusal what a caller can do.
func (s *Jobs) explain(err error) error {
	switch {
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return prow.Final(err)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w: %w", prow.ErrForbidden, err)
	}
	return err
}
