package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// Pods implements prow.Pods. It asks for a pod, for its events, and for its node
// where that is permitted: two requests a call, or three; and once an hour, whether
// it is.
type Pods struct {
	namespace string
	now       prow.Clock

	mu    sync.RWMutex
	doors map[string]*door
}

var _ prow.Pods = (*Pods)(nil)

// door is a build cluster that is asked and not followed.
type door struct {
	contact
	config *rest.Config

	mu       sync.Mutex
	nodes    bool      // they may be read
	reviewed time.Time // when that was asked
}

// nodesPause is how long is believed that nodes may, or may not, be read.
const nodesPause = time.Hour

// NewPods asks nothing yet. Clusters whose settings cannot be used are told by the
// error and left out.
func NewPods(clusters map[string]*rest.Config, namespace string, now prow.Clock) (*Pods, error) {
	if now == nil {
		now = time.Now
	}
	p := &Pods{namespace: namespace, now: now, doors: map[string]*door{}}
	return p, p.SetClusters(clusters)
}

// SetClusters changes the build clusters, as Runner.SetClusters does.
func (p *Pods) SetClusters(configs map[string]*rest.Config) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var faults []error
	doors := map[string]*door{}
	for alias, config := range configs {
		if old := p.doors[alias]; old != nil && sameConfig(old.config, config) {
			doors[alias] = old
			continue
		}
		a, err := newAPI(config)
		if err != nil {
			faults = append(faults, fmt.Errorf("cluster %s: %w", alias, err))
			continue
		}
		a.tries, a.timeout = clusterTries, clusterTimeout
		doors[alias] = &door{contact: contact{alias: alias, api: a}, config: config}
	}
	p.doors = doors
	return errors.Join(faults...)
}

func (p *Pods) door(alias string) (*door, error) {
	if alias == "" {
		alias = defaultCluster
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if d := p.doors[alias]; d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("the build cluster %q is not known; known are: %s", alias, strings.Join(slices.Sorted(maps.Keys(p.doors)), ", "))
}

// Pod returns what the cluster of j says of its pod.
func (p *Pods) Pod(ctx context.Context, j *prow.Job) (prow.PodInfo, error) {
	d, err := p.door(j.Spec.Cluster)
	if err != nil {
		return prow.PodInfo{}, fmt.Errorf("pod of run %s: %w", j.Name, err)
	}
	at := "/api/v1/namespaces/" + p.namespace
	var info prow.PodInfo
	var errPod, errEvents, errNode error
	if info.Pod, errPod = d.pod(ctx, at+"/pods/"+url.PathEscape(j.Name), j); errPod != nil {
		errPod = fmt.Errorf("pod of run %s: %w", j.Name, errPod)
		if !answered(errPod) {
			return info, errPod
		}
	}
	if info.Events, errEvents = d.events(ctx, at+"/events", j.Name, info.Pod); errEvents != nil {
		errEvents = fmt.Errorf("events of the pod of run %s: %w", j.Name, errEvents)
	}
	if info.Pod != nil && info.Pod.Spec.NodeName != "" {
		if info.Node, errNode = d.node(ctx, info.Pod.Spec.NodeName, p.now()); errNode != nil {
			errNode = fmt.Errorf("node of the pod of run %s: %w", j.Name, errNode)
		}
	}
	err = errors.Join(errPod, errEvents, errNode)
	if err == nil && info.Empty() {
		err = fmt.Errorf("pod of run %s: %w", j.Name, fs.ErrNotExist)
	}
	return info, err
}

// answered reports whether an error is an answer of the API server.
func answered(err error) bool {
	var s apierrors.APIStatus
	return errors.As(err, &s)
}

// pod returns the pod of j's build, nil if there is none.
func (d *door) pod(ctx context.Context, path string, j *prow.Job) (*corev1.Pod, error) {
	pod, err := ask[corev1.Pod](ctx, d, path, nil)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if pod.Labels[prow.LabelID] != j.Name || buildID(pod) != j.Status.BuildID {
		return nil, nil
	}
	pod.ManagedFields = nil
	return pod, nil
}

// eventsRead bounds the events of a pod; there are rarely more than a dozen.
const eventsRead = 500

// events lists what is told of a pod, or of all pods of its name if it is gone.
func (d *door) events(ctx context.Context, path, name string, pod *corev1.Pod) ([]corev1.Event, error) {
	about := "involvedObject.kind=Pod,involvedObject.name=" + name
	if pod != nil {
		about = "involvedObject.uid=" + string(pod.UID)
	}
	list, err := ask[corev1.EventList](ctx, d, path, url.Values{"fieldSelector": {about}, "limit": {strconv.Itoa(eventsRead)}})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		list.Items[i].ManagedFields = nil
	}
	return list.Items, nil
}

// node returns a node, nil if it is gone or may not be read.
func (d *door) node(ctx context.Context, name string, now time.Time) (*corev1.Node, error) {
	if !d.mayReadNodes(ctx, now) {
		return nil, nil
	}
	node, err := ask[corev1.Node](ctx, d, "/api/v1/nodes/"+url.PathEscape(name), nil)
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	node.ManagedFields = nil
	return node, nil
}

// mayReadNodes asks before it is refused; who does not say is not asked again soon
// either.
func (d *door) mayReadNodes(ctx context.Context, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reviewed.IsZero() || now.Sub(d.reviewed) >= nodesPause {
		allowed, err := d.api.may(ctx, authorizationv1.ResourceAttributes{Verb: "get", Resource: "nodes"})
		d.nodes, d.reviewed = allowed && err == nil, now
	}
	return d.nodes
}

// ask gets an object, or a list of some.
func ask[T any](ctx context.Context, d *door, path string, q url.Values) (*T, error) {
	body, err := d.call(ctx, request{method: http.MethodGet, path: path, query: q})
	if err != nil {
		return nil, err
	}
	v := new(T)
	return v, json.Unmarshal(body, v)
}
