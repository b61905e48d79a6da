package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/hub"
	"github.com/prow-ci/prow/podspec"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// RunnerOptions are what a Runner needs.
type RunnerOptions struct {
	// Clusters are the build clusters by alias, as Kubeconfig.Load returns them.
	Clusters  map[string]*rest.Config
	Namespace string // of the pods, in every cluster
	// ClusterOf says which cluster a job runs on, if it is known. Without it a run
	// that no cluster has is only known to be absent while all can be reached.
	ClusterOf func(id string) (alias string, ok bool)
	Pod       podspec.Options
	Log       *slog.Logger
	Now       prow.Clock
}

// Runner implements prow.Runner on pods of one or more build clusters. What a
// pod is like it knows from a watch; a cluster that cannot be reached is tried
// again for ever and holds up nobody else.
type Runner struct {
	o   RunnerOptions
	hub *hub.Hub
	// follow opens a cluster whose runs are then told to hub.
	follow func(alias string, config *rest.Config) (*cluster, error)

	mu       sync.RWMutex
	clusters map[string]*cluster
}

var _ prow.Runner = (*Runner)(nil)

// NewRunner follows the pods of all clusters until Close. It waits for none.
func NewRunner(o RunnerOptions) (*Runner, error) {
	r := newRunner(o)
	r.follow = func(alias string, config *rest.Config) (*cluster, error) {
		return follow(alias, config, o.Namespace, r.o.Log.With("cluster", alias), r.hub.Tell)
	}
	return r, r.begin()
}

func newRunner(o RunnerOptions) *Runner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Runner{o: o, hub: &hub.Hub{}, clusters: map[string]*cluster{}}
}

func (r *Runner) begin() error {
	err := r.SetClusters(r.o.Clusters)
	if err != nil {
		_ = r.Close()
	}
	return err
}

// SetClusters changes the build clusters: new ones are followed, those that are
// gone are no more, and the others go on undisturbed. A cluster whose settings
// cannot be used is told by the error and left out.
func (r *Runner) SetClusters(configs map[string]*rest.Config) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for alias, c := range r.clusters {
		if now, ok := configs[alias]; !ok || !sameConfig(c.config, now) {
			c.end()
			delete(r.clusters, alias)
		}
	}
	var faults []error
	for _, alias := range slices.Sorted(maps.Keys(configs)) {
		if r.clusters[alias] != nil {
			continue
		}
		c, err := r.follow(alias, configs[alias])
		if err != nil {
			faults = append(faults, fmt.Errorf("cluster %s: %w", alias, err))
			continue
		}
		r.clusters[alias] = c
	}
	return errors.Join(faults...)
}

func sameConfig(a, b *rest.Config) bool {
	x, y := rest.CopyConfig(a), rest.CopyConfig(b)
	for _, c := range []*rest.Config{x, y} { // functions are never equal
		c.WrapTransport, c.Dial, c.Proxy, c.RateLimiter, c.WarningHandler = nil, nil, nil, nil, nil
	}
	return reflect.DeepEqual(x, y)
}

// Clusters says of each cluster why it cannot be reached; nil is well.
func (r *Runner) Clusters() map[string]error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := map[string]error{}
	for alias, c := range r.clusters {
		out[alias] = c.healthy()
	}
	return out
}

// Close ends all watches. Pods stay.
func (r *Runner) Close() error {
	r.hub.Close()
	return r.SetClusters(nil)
}

func (r *Runner) cluster(alias string) (*cluster, error) {
	if alias == "" {
		alias = defaultCluster
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c := r.clusters[alias]; c != nil {
		return c, nil
	}
	return nil, prow.Final(fmt.Errorf("the build cluster %q is not known; known are: %s", alias, strings.Join(slices.Sorted(maps.Keys(r.clusters)), ", ")))
}

// defaultCluster is the alias of the cluster where jobs run that name none.
const defaultCluster = "default"

// Start creates the pod of j.
func (r *Runner) Start(ctx context.Context, j *prow.Job) error {
	c, err := r.cluster(j.Spec.Cluster)
	if err != nil {
		return err
	}
	pod, err := podspec.Decorate(j, r.o.Pod)
	if err != nil {
		return prow.Final(err)
	}
	pod.APIVersion, pod.Kind, pod.Namespace = "v1", "Pod", r.o.Namespace
	body, err := json.Marshal(pod)
	if err != nil {
		return prow.Final(err)
	}
	answer, err := c.call(ctx, request{method: http.MethodPost, path: c.path, kind: "application/json", body: body, accept: metadataOnly})
	if err == nil {
		return c.created(pod, answer)
	}
	if apierrors.IsAlreadyExists(err) {
		return c.adopt(ctx, j, r.o.Now())
	}
	if refused(err) {
		return prow.Final(err)
	}
	return err
}

// created holds a pod as it is at first; answer is its metadata.
func (c *cluster) created(pod *corev1.Pod, answer []byte) error {
	var o metav1.PartialObjectMetadata
	if err := json.Unmarshal(answer, &o); err != nil {
		return err
	}
	pod.ObjectMeta, pod.Status.Phase = o.ObjectMeta, corev1.PodPending
	h, err := heldOf(pod)
	if err == nil {
		c.runs.hold(h)
	}
	return err
}

// adopt finds a pod of the job's name in place.
func (c *cluster) adopt(ctx context.Context, j *prow.Job, now time.Time) error {
	body, err := c.call(ctx, request{method: http.MethodGet, path: c.path + "/" + j.Name})
	if err != nil {
		return err // if it is gone by now, the next try works
	}
	var o struct {
		Metadata struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	if o.Metadata.Labels[prow.LabelID] != j.Name {
		return prow.Final(fmt.Errorf("cluster %s has a pod named %s that is not this job's", c.alias, j.Name))
	}
	h, err := c.runs.take(body)
	if err != nil || h.leaving.IsZero() || h.run.BuildID == j.Status.BuildID {
		return err
	}
	if now.Sub(h.leaving) > patience {
		none := int64(0)
		if err := c.remove(ctx, h, &none); err != nil {
			return err
		}
	}
	return fmt.Errorf("cluster %s: the pod of build %s is still being deleted", c.alias, h.run.BuildID)
}

// patience is how much longer than it should the deletion of a pod may take
// before its node is not asked any more.
const patience = time.Minute

// refused reports whether a pod can never be created so.
func refused(err error) bool {
	var s apierrors.APIStatus
	if !errors.As(err, &s) {
		return false
	}
	switch s.Status().Code {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	case http.StatusForbidden:
		return !strings.Contains(s.Status().Message, "quota")
	}
	return false
}

// find returns the pod of a run and its cluster. If a cluster that may have it
// cannot be asked, the error is not that it is absent.
func (r *Runner) find(id string) (*cluster, held, error) {
	if r.o.ClusterOf != nil {
		if alias, ok := r.o.ClusterOf(id); ok {
			c, err := r.cluster(alias)
			if err != nil { // its cluster is gone, and the run with it as far as we know
				return nil, held{}, fmt.Errorf("run %s: %w: %w", id, fs.ErrNotExist, err)
			}
			return c.find(id)
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	err := fmt.Errorf("run %s: %w", id, fs.ErrNotExist)
	for _, c := range r.clusters {
		c, h, e := c.find(id)
		if e == nil {
			return c, h, nil
		}
		if !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}
	return nil, held{}, err
}

func (c *cluster) find(id string) (*cluster, held, error) {
	if h, ok := c.runs.get(id); ok {
		return c, h, nil
	}
	if err := c.healthy(); err != nil {
		return nil, held{}, fmt.Errorf("run %s: %w", id, err)
	}
	return nil, held{}, fmt.Errorf("run %s: %w", id, fs.ErrNotExist)
}

// Look says how a run stands.
func (r *Runner) Look(_ context.Context, id string) (prow.Run, error) {
	c, h, err := r.find(id)
	if err != nil {
		return h.run, err
	}
	h.run.Cluster = c.alias
	return h.run, nil
}

// List lists the runs of all clusters that have been heard of, even of one that
// cannot be reached just now.
func (r *Runner) List(context.Context) ([]prow.Run, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []prow.Run
	for _, alias := range slices.Sorted(maps.Keys(r.clusters)) {
		for _, run := range r.clusters[alias].runs.all() {
			run.Cluster = alias
			out = append(out, run)
		}
	}
	slices.SortFunc(out, func(a, b prow.Run) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b prow.Run) bool { return a.ID == b.ID }), nil // two aliases may be one cluster
}

// Watch yields the ID of each run that may have changed.
func (r *Runner) Watch(ctx context.Context) iter.Seq[string] {
	return r.hub.Watch(ctx, func(ctx context.Context) (ids []string, err error) {
		runs, err := r.List(ctx)
		for _, run := range runs {
			ids = append(ids, run.ID)
		}
		return ids, err
	})
}
