package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// Pipelines implements prow.Runner on Tekton's PipelineRuns in one or more build
// clusters, in whatever namespace a job names. What a PipelineRun is like it
// knows from a watch; a cluster that cannot be reached holds up nobody else, and
// one without Tekton has no runs until Tekton is there.
type Pipelines struct{ runner *Runner }

var _ prow.Runner = (*Pipelines)(nil)

// NewPipelines follows the PipelineRuns of all clusters until Close. It waits for
// none. The Namespace is that of jobs that name none, and tells this Prow's
// PipelineRuns from those of another that uses the same cluster; Pod does not
// matter.
func NewPipelines(o RunnerOptions) (*Pipelines, error) {
	r := newRunner(o)
	r.follow = func(alias string, config *rest.Config) (*cluster, error) {
		return followPipelines(alias, config, o.Namespace, r.o.Log.With("cluster", alias), r.hub.Tell)
	}
	return &Pipelines{r}, r.begin()
}

// SetClusters changes the build clusters, like Runner.SetClusters.
func (p *Pipelines) SetClusters(configs map[string]*rest.Config) error {
	return p.runner.SetClusters(configs)
}

// Clusters says of each cluster why it cannot be used; nil is well.
func (p *Pipelines) Clusters() map[string]error { return p.runner.Clusters() }

// Close ends all watches. PipelineRuns stay.
func (p *Pipelines) Close() error { return p.runner.Close() }

const tektonGroup = "tekton.dev"

// errNoTekton is what a cluster without Tekton answers: there is nothing, and
// nothing can be there.
var errNoTekton = fmt.Errorf("no Tekton (tekton.dev): %w", fs.ErrNotExist)

// tektonPause is between two looks for Tekton in a cluster that has none.
const tektonPause = 10 * time.Second

// annotationHome is on a PipelineRun, and names the namespace of pods of the Prow
// that made it. PipelineRuns are followed in all namespaces, and two Prows may use
// one cluster.
const annotationHome = "prow.k8s.io/installation"

// own is the runs of one Prow among those of a cluster. One that does not say whose
// it is, as the original Prow's, is ours if it is at home.
type own struct {
	*runs

	home string
}

func (o own) put(raw json.RawMessage) (version uint64) {
	var p pipelineResource
	if err := json.Unmarshal(raw, &p); err == nil && !p.of(o.home) {
		return 0
	}
	return o.runs.put(raw)
}

func (p *pipelineResource) of(home string) bool {
	of := p.Metadata.Annotations[annotationHome]
	return of == home || of == "" && p.Metadata.Namespace == home
}

func followPipelines(alias string, config *rest.Config, home string, log *slog.Logger, tell func(...string)) (*cluster, error) {
	api, err := newAPI(config)
	if err != nil {
		return nil, err
	}
	lists := *api
	api.tries, api.timeout = clusterTries, clusterTimeout
	c := &cluster{contact: contact{alias: alias, api: api}, config: config, runs: newRuns(log, tell), done: make(chan struct{})}
	c.runs.read = readPipeline
	c.mirror = &reflection{api: &lists, mirror: own{c.runs, home}, log: log, query: url.Values{"labelSelector": {prow.LabelCreatedByProw + "=true"}}}
	ctx, stop := context.WithCancel(context.Background()) // it lives until it is stopped
	c.stop = stop
	go func() {
		defer close(c.done)
		if c.findTekton(ctx, home) {
			c.mirror.follow(ctx)
		}
	}()
	return c, nil
}

// findTekton waits until c has Tekton. What it sets is read by others only after
// the first list, which follows.
func (c *cluster) findTekton(ctx context.Context, home string) bool {
	for {
		served, err := c.tektonVersions(ctx)
		if err == nil {
			c.served, c.path = served, "/apis/"+tektonGroup+"/"+tektonBeta1
			if slices.Contains(served, tektonV1) {
				c.path = "/apis/" + tektonGroup + "/" + tektonV1
			}
			err = c.whereTekton(ctx, home)
		}
		if err == nil {
			c.mirror.setBroken(nil)
			return true
		}
		if !errors.Is(err, errNoTekton) && ctx.Err() == nil {
			c.mirror.log.Warn("Tekton was not looked for, tried again", "err", err)
		}
		c.mirror.setBroken(err)
		select {
		case <-time.After(tektonPause):
		case <-ctx.Done():
			return false
		}
	}
}

// whereTekton finds out whether Prow may see the PipelineRuns of all namespaces, or
// only those at home.
func (c *cluster) whereTekton(ctx context.Context, home string) error {
	c.mirror.path = c.path + "/pipelineruns"
	_, _, err := c.api.call(ctx, request{method: http.MethodGet, path: c.mirror.path, query: url.Values{"limit": {"1"}}})
	if apierrors.IsForbidden(err) {
		c.only, c.mirror.path = home, c.pipelineRuns(home, "")
		return nil
	}
	return err
}

// tektonVersions lists the versions of Tekton's API that c serves and Prow knows.
func (c *cluster) tektonVersions(ctx context.Context) ([]string, error) {
	body, _, err := c.api.call(ctx, request{method: http.MethodGet, path: "/apis/" + tektonGroup})
	if apierrors.IsNotFound(err) {
		return nil, errNoTekton
	}
	if err != nil {
		return nil, err
	}
	var group struct{ Versions []struct{ Version string } }
	if err := json.Unmarshal(body, &group); err != nil {
		return nil, err
	}
	var known []string
	for _, v := range group.Versions {
		if v.Version == tektonV1 || v.Version == tektonBeta1 {
			known = append(known, v.Version)
		}
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("%w: it serves neither v1 nor v1beta1", errNoTekton)
	}
	return known, nil
}

// pipelineRuns is the path of the PipelineRuns of a namespace, or of one of them.
func (c *cluster) pipelineRuns(namespace, name string) string {
	path := c.path + "/namespaces/" + namespace + "/pipelineruns"
	if name != "" {
		path += "/" + name
	}
	return path
}

// Start creates the PipelineRun of j.
func (p *Pipelines) Start(ctx context.Context, j *prow.Job) error {
	c, err := p.runner.cluster(j.Spec.Cluster)
	if err != nil {
		return err
	}
	if err := c.healthy(); errors.Is(err, errNoTekton) {
		return prow.Final(fmt.Errorf("cluster %s has no Tekton: install it there, or give the job another cluster", c.alias))
	} else if err != nil {
		return err
	}
	namespace := p.namespace(j)
	if c.only != "" && c.only != namespace {
		return prow.Final(fmt.Errorf("in cluster %s Prow may see PipelineRuns of namespace %s only, and this job wants %s: give Prow the right to list and watch them in all namespaces, or change the job", c.alias, c.only, namespace))
	}
	body, version, err := pipelineRun(j, namespace, p.runner.o.Namespace, c.served)
	if err != nil {
		return prow.Final(err)
	}
	answer, err := c.call(ctx, request{method: http.MethodPost, kind: "application/json", body: body,
		path: "/apis/" + tektonGroup + "/" + version + "/namespaces/" + namespace + "/pipelineruns"})
	if err == nil {
		_, err := c.runs.take(answer)
		return err
	}
	if apierrors.IsAlreadyExists(err) {
		return c.adoptPipeline(ctx, namespace, p.runner.o.Namespace, j)
	}
	if refused(err) {
		return prow.Final(err)
	}
	return err
}

// namespace is where j's PipelineRun is.
func (p *Pipelines) namespace(j *prow.Job) string {
	for _, ns := range []string{j.Spec.Namespace, j.Namespace, p.runner.o.Namespace} {
		if ns != "" {
			return ns
		}
	}
	return "default"
}

// adoptPipeline finds a PipelineRun of the job's name in place.
func (c *cluster) adoptPipeline(ctx context.Context, namespace, home string, j *prow.Job) error {
	body, err := c.call(ctx, request{method: http.MethodGet, path: c.pipelineRuns(namespace, j.Name)})
	if err != nil {
		return err // if it is gone by now, the next try works
	}
	var o pipelineResource
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	nobodys := o.Metadata.Annotations[annotationHome] == ""
	if o.Metadata.Labels[prow.LabelCreatedByProw] != "true" || !nobodys && !o.of(home) {
		return prow.Final(fmt.Errorf("namespace %s of cluster %s has a PipelineRun named %s that is not this job's", namespace, c.alias, j.Name))
	}
	if nobodys {
		claim, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotationHome: home}, "uid": o.Metadata.UID}})
		if err != nil {
			return err
		}
		if body, err = c.call(ctx, request{method: http.MethodPatch, path: c.pipelineRuns(namespace, j.Name), kind: "application/merge-patch+json", body: claim}); err != nil {
			return err
		}
	}
	h, err := c.runs.take(body)
	if err == nil && !h.leaving.IsZero() {
		err = fmt.Errorf("cluster %s: the PipelineRun of build %s is still being deleted", c.alias, h.run.BuildID)
	}
	return err
}

// Look says how a run stands.
func (p *Pipelines) Look(ctx context.Context, id string) (prow.Run, error) {
	return p.runner.Look(ctx, id)
}

// List lists the runs of all clusters, like Runner.List.
func (p *Pipelines) List(ctx context.Context) ([]prow.Run, error) { return p.runner.List(ctx) }

// Watch yields the ID of each run that may have changed.
func (p *Pipelines) Watch(ctx context.Context) iter.Seq[string] { return p.runner.Watch(ctx) }

// Stop asks Tekton to cancel a run; tasks that are to run whatever happens, still
// do.
func (p *Pipelines) Stop(ctx context.Context, id, why string) error {
	c, h, err := p.runner.find(id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (h.run.Phase == prow.Ended || h.stopping) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{annotationStop: why}, "uid": h.uid},
		"spec":     map[string]any{"status": "CancelledRunFinally"},
	})
	if err != nil {
		return err
	}
	answer, err := c.call(ctx, request{method: http.MethodPatch, path: c.pipelineRuns(h.namespace, h.name), kind: "application/merge-patch+json", body: body})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // it is gone, and perhaps another is in its place
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop run %s: %w", id, err)
	}
	_, err = c.runs.take(answer)
	return err
}

// Remove deletes the PipelineRun of a run, and with it what it has made.
func (p *Pipelines) Remove(ctx context.Context, id string) error {
	c, h, err := p.runner.find(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "DeleteOptions",
		"preconditions": map[string]string{"uid": h.uid}, "propagationPolicy": "Background"})
	if err != nil {
		return err
	}
	_, err = c.call(ctx, request{method: http.MethodDelete, path: c.pipelineRuns(h.namespace, h.name), kind: "application/json", body: body})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("remove run %s: %w", id, err)
	}
	c.runs.forget(id, h.uid)
	return nil
}
