package kube

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kinds of ProwStates, also a label of theirs.
const (
	stateLabel    = "prow.k8s.io/state"
	stateDelivery = "delivery"
	stateMemory   = "memory"
	stateJournal  = "journal"
	stateProcess  = "replica"
	statePart     = "part"
)

// stateObject is a ProwState. One that is held is not written to.
type stateObject struct {
	name    string
	version uint64 // the API server's resource version
	// ordered says that the order is written in it, and resolved that all turns
	// are: the next write has to, as it changes the version.
	ordered, resolved bool
	Spec              stateSpec
}

type stateSpec struct {
	Kind       string        `json:"kind"`
	Name       string        `json:"name,omitempty"`  // of a memory, a place of a journal, a replica
	Owner      string        `json:"owner,omitempty"` // of deliveries: the replica that handles them
	Order      uint64        `json:"order,omitempty"` // version with which it was created
	Deliveries []stateLetter `json:"deliveries,omitempty"`
	Parts      []string      `json:"parts,omitempty"` // of the payload, elsewhere
	Payload    []byte        `json:"payload,omitempty"`
	At         int64         `json:"at,omitempty"`
	Beat       int64         `json:"beat,omitempty"`
}

// stateLetter is a delivery but for its header and body.
type stateLetter struct {
	ID       string             `json:"id"`
	Event    string             `json:"event,omitempty"`
	Action   string             `json:"action,omitempty"`
	Org      string             `json:"org,omitempty"`
	Repo     string             `json:"repo,omitempty"`
	Number   int                `json:"number,omitempty"`
	By       string             `json:"by,omitempty"`
	Received int64              `json:"received"` // times are nanoseconds since 1970
	State    prow.DeliveryState `json:"state"`
	Tries    int                `json:"tries,omitempty"`
	Next     int64              `json:"next,omitempty"`
	Handled  int64              `json:"handled,omitempty"`
	Results  []prow.Result      `json:"results,omitempty"`
	Error    string             `json:"error,omitempty"`
	// Turn is its place in the line: 0 that of the object, -1 the version that
	// first says so.
	Turn int64 `json:"turn,omitempty"`
	Size int   `json:"size"` // of its part of the payload
}

func (l *stateLetter) where() prow.IssueID {
	return prow.IssueID{Repo: prow.Repo{Owner: l.Org, Name: l.Repo}, Number: l.Number}
}

func (l *stateLetter) delivery() *prow.Delivery {
	return &prow.Delivery{
		ID: l.ID, Event: l.Event, Action: l.Action, Where: l.where(), By: l.By, Received: fromNano(l.Received),
		State: l.State, Tries: l.Tries, Next: fromNano(l.Next), Handled: fromNano(l.Handled), Results: append([]prow.Result(nil), l.Results...), Error: l.Error,
	}
}

func (o *stateObject) encode() ([]byte, error) {
	return json.Marshal(map[string]any{
		"apiVersion": prow.APIVersion, "kind": "ProwState", "spec": o.Spec,
		"metadata": map[string]any{"name": o.name, "labels": map[string]string{stateLabel: o.Spec.Kind}},
	})
}

// learn takes over the version from an answer.
func (o *stateObject) learn(answer []byte) error {
	var m metav1.PartialObjectMetadata
	if err := json.Unmarshal(answer, &m); err != nil {
		return err
	}
	v, err := strconv.ParseUint(m.ResourceVersion, 10, 64)
	if err != nil {
		return fmt.Errorf("resource version of ProwState %s: %w", o.name, err)
	}
	o.version = v
	o.resolve()
	return nil
}

func decodeState(raw []byte) (*stateObject, error) {
	var in struct {
		Metadata struct {
			Name            string `json:"name"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Spec stateSpec `json:"spec"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	v, err := strconv.ParseUint(in.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("resource version of ProwState %s: %w", in.Metadata.Name, err)
	}
	o := &stateObject{name: in.Metadata.Name, version: v, ordered: in.Spec.Order > 0, Spec: in.Spec}
	o.resolve()
	return o, nil
}

// resolve fills in what is said by the version of the object.
func (o *stateObject) resolve() {
	if o.Spec.Order == 0 {
		o.Spec.Order = o.version
	}
	o.resolved = true
	for i := range o.Spec.Deliveries {
		if l := &o.Spec.Deliveries[i]; l.Turn < 0 {
			l.Turn, o.resolved = int64(o.version), false
		}
	}
}

// copy may be written to.
func (o *stateObject) copy() *stateObject {
	out := *o
	out.Spec.Deliveries = append([]stateLetter(nil), o.Spec.Deliveries...)
	return &out
}

// patch says what makes the object as it is now that as q has it, or nil.
func (o *stateObject) patch(q *stateObject) ([]byte, error) {
	before, err := fieldsOf(o.Spec)
	if err != nil {
		return nil, err
	}
	after, err := fieldsOf(q.Spec)
	if err != nil {
		return nil, err
	}
	spec := map[string]any{}
	for k, v := range after {
		if !bytes.Equal(v, before[k]) {
			spec[k] = v
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			spec[k] = nil
		}
	}
	if len(spec) == 0 {
		return nil, nil
	}
	if !o.ordered {
		spec["order"] = o.Spec.Order
	}
	if !o.resolved {
		spec["deliveries"] = after["deliveries"]
	}
	return json.Marshal(map[string]any{"spec": spec, "metadata": map[string]any{
		"resourceVersion": strconv.FormatUint(o.version, 10), "managedFields": []any{map[string]any{}},
	}})
}

func fieldsOf(s stateSpec) (out map[string]json.RawMessage, err error) {
	b, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}

// stateName makes a name of a resource of any text.
func stateName(prefix, text string) string {
	h := sha256.Sum256([]byte(text))
	return prefix + "-" + hex.EncodeToString(h[:20])
}

func randomName(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // it never fails
	return prefix + "-" + hex.EncodeToString(b[:])
}

// statePress compresses; what it needs for that is large and used again.
type statePress struct{ writers sync.Pool }

// squeeze compresses parts, one after another.
func (p *statePress) squeeze(parts ...[]byte) ([]byte, error) {
	var out bytes.Buffer
	w, ok := p.writers.Get().(*flate.Writer)
	if !ok {
		w, _ = flate.NewWriter(&out, 6) // the level is valid
	}
	defer p.writers.Put(w)
	w.Reset(&out)
	for _, b := range parts {
		if _, err := w.Write(b); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

func unsqueeze(b []byte) ([]byte, error) { return io.ReadAll(flate.NewReader(bytes.NewReader(b))) }

// nano and fromNano keep the zero time as 0.
func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
