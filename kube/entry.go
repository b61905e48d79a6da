package kube

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// entry is one job as it is held in memory: what is searched, and the rest as
// JSON. It is never changed, only replaced.
type entry struct {
	id      string
	uid     string
	version uint64
	created time.Time
	order   order

	typ, job, org, repo, base, baseSHA, cluster, queue, agent atom
	state                                                     prow.State
	build                                                     string
	complete, hidden                                          bool
	pulls                                                     []pull
	labels                                                    []atom // "name=value"

	// rest is the job without spec.pod_spec and spec.decoration_config, which
	// many jobs share: those are heavy, {"pod_spec":…,"decoration_config":…}.
	// Of a complete job both are deflated.
	rest  []byte
	heavy atom
	// tracked says that the resource has managedFields, which nobody needs here.
	tracked bool
	ours    bool // this process wrote it so
}

// atom is a text that many jobs have, held once.
type atom = unique.Handle[string]

type pull struct {
	number int
	sha    string
	author atom
}

// order is the place of a job among others: Kubernetes keeps whole seconds, so
// within one an annotation tells, where Prow made the job.
type order struct {
	second int64
	nano   int64
	id     string
}

// annotationCreated is when a job was created, RFC 3339 with fractions.
const annotationCreated = "prow.k8s.io/created"

func (o order) compare(p order) int {
	switch {
	case o.second != p.second:
		return sign(o.second - p.second)
	case o.nano != p.nano:
		return sign(o.nano - p.nano)
	}
	return strings.Compare(o.id, p.id)
}

func sign(n int64) int {
	if n < 0 {
		return -1
	}
	return 1
}

// customResource is a ProwJob as the API server writes it, without managedFields.
type customResource struct {
	APIVersion string                     `json:"apiVersion,omitempty"`
	Kind       string                     `json:"kind,omitempty"`
	Metadata   metadata                   `json:"metadata"`
	Spec       map[string]json.RawMessage `json:"spec,omitempty"`
	Status     json.RawMessage            `json:"status,omitempty"`
}

type metadata struct {
	Name              string            `json:"name"`
	GenerateName      string            `json:"generateName,omitempty"`
	Namespace         string            `json:"namespace,omitempty"`
	UID               string            `json:"uid,omitempty"`
	ResourceVersion   string            `json:"resourceVersion,omitempty"`
	Generation        int64             `json:"generation,omitempty"`
	CreationTimestamp metav1.Time       `json:"creationTimestamp"`
	DeletionTimestamp *metav1.Time      `json:"deletionTimestamp,omitempty"`
	DeletionGrace     *int64            `json:"deletionGracePeriodSeconds,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	Owners            json.RawMessage   `json:"ownerReferences,omitempty"`
	Finalizers        []string          `json:"finalizers,omitempty"`
}

// identity is what tells one state of a resource from another.
type identity struct {
	name    string
	uid     string
	version uint64
	tracked bool
}

func identify(raw []byte) (identity, error) {
	var o struct {
		Metadata struct {
			Name, UID, ResourceVersion string
			ManagedFields              []struct{}
		}
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return identity{}, err
	}
	version, err := strconv.ParseUint(o.Metadata.ResourceVersion, 10, 64)
	return identity{o.Metadata.Name, o.Metadata.UID, version, len(o.Metadata.ManagedFields) > 0}, err
}

// pack makes an entry of a resource.
func (p *packer) pack(id identity, raw []byte) (*entry, error) {
	var r customResource
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("job %s: %w", id.name, err)
	}
	e := &entry{id: id.name, uid: id.uid, version: id.version, tracked: id.tracked, created: r.Metadata.CreationTimestamp.Time}
	e.order = order{second: e.created.Unix(), id: e.id}
	if at, err := time.Parse(time.RFC3339Nano, r.Metadata.Annotations[annotationCreated]); err == nil {
		e.order.nano = at.UnixNano()
	}
	for _, k := range slices.Sorted(maps.Keys(r.Metadata.Labels)) {
		e.labels = append(e.labels, label(k, r.Metadata.Labels[k]))
	}
	e.index(&r)
	heavy, err := json.Marshal(map[string]json.RawMessage{"pod_spec": orNull(r.Spec["pod_spec"]), "decoration_config": orNull(r.Spec["decoration_config"])})
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", id.name, err)
	}
	delete(r.Spec, "pod_spec")
	delete(r.Spec, "decoration_config")
	if e.rest, err = json.Marshal(r); err != nil {
		return nil, fmt.Errorf("job %s: %w", id.name, err)
	}
	if e.complete {
		e.rest, heavy = p.deflate(e.rest), p.deflate(heavy)
	}
	e.heavy = unique.Make(string(heavy))
	return e, nil
}

func label(name, value string) atom { return unique.Make(name + "=" + value) }

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// index fills what is searched. What does not read as it should is left empty;
// faults says so.
func (e *entry) index(r *customResource) {
	var spec prow.Spec
	for key, to := range map[string]any{
		"type": &spec.Type, "job": &spec.Job, "cluster": &spec.Cluster, "agent": &spec.Agent, "job_queue_name": &spec.JobQueueName,
		"hidden": &spec.Hidden, "refs": &spec.Refs, "extra_refs": &spec.ExtraRefs,
	} {
		if raw, ok := r.Spec[key]; ok {
			_ = json.Unmarshal(raw, to)
		}
	}
	var status prow.Status
	if len(r.Status) > 0 {
		_ = json.Unmarshal(r.Status, &status)
	}
	j := prow.Job{Spec: spec, Status: status}
	var main, refs prow.Refs
	if m := j.MainRefs(); m != nil {
		main = *m
	}
	if spec.Refs != nil {
		refs = *spec.Refs
	}
	e.typ, e.job, e.org, e.repo = unique.Make(string(spec.Type)), unique.Make(spec.Job), unique.Make(main.Org), unique.Make(main.Repo)
	e.base, e.baseSHA = unique.Make(refs.BaseRef), unique.Make(refs.BaseSHA)
	e.cluster, e.queue, e.agent, e.hidden = unique.Make(spec.Cluster), unique.Make(spec.JobQueueName), unique.Make(spec.Agent), spec.Hidden
	e.state, e.build, e.complete = knownState(status.State), strings.Clone(status.BuildID), j.Complete()
	for _, p := range refs.Pulls {
		e.pulls = append(e.pulls, pull{p.Number, p.SHA, unique.Make(p.Author)})
	}
}

// knownState returns a state without holding the text it was read from.
func knownState(s prow.State) prow.State {
	for _, k := range []prow.State{prow.Scheduling, prow.Triggered, prow.Pending, prow.Success, prow.Failure, prow.Aborted, prow.Error} {
		if s == k {
			return k
		}
	}
	return prow.State(strings.Clone(string(s)))
}

// unpack makes a job of e. What does not read as it should is left out of the job and told
// by the error; the job is there all the same.
func (p *packer) unpack(e *entry) (*prow.Job, error) {
	rest, heavy := e.rest, []byte(e.heavy.Value())
	if e.complete {
		rest, heavy = p.inflate(rest), p.inflate(heavy)
	}
	j := new(prow.Job)
	if json.Unmarshal(rest, j) == nil && json.Unmarshal(heavy, &j.Spec) == nil {
		return j, nil
	}
	return salvage(rest, heavy)
}

// salvage reads what can be read, field by field.
func salvage(rest, heavy []byte) (*prow.Job, error) {
	var r customResource
	if err := json.Unmarshal(rest, &r); err != nil {
		return nil, err // it was written by pack
	}
	fields := r.Spec
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	if err := json.Unmarshal(heavy, &fields); err != nil {
		return nil, err
	}
	status := r.Status
	r.Spec, r.Status = nil, nil
	frame, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	j := new(prow.Job)
	if err := json.Unmarshal(frame, j); err != nil {
		return nil, err
	}
	var fault error
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		spec := j.Spec
		if err := json.Unmarshal(field(key, fields[key]), &spec); err != nil {
			fault = fmt.Errorf("spec.%s: %w", key, err)
			continue
		}
		j.Spec = spec
	}
	if len(status) > 0 {
		if err := json.Unmarshal(status, &j.Status); err != nil {
			fault = fmt.Errorf("status: %w", err)
		}
	}
	return j, fault
}

func field(key string, value json.RawMessage) []byte {
	return slices.Concat([]byte(`{"`+key+`":`), value, []byte("}"))
}
