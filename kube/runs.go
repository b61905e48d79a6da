package kube

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
)

// runs holds the runs of one cluster as its pods, or PipelineRuns, tell them. All
// methods may be called concurrently.
type runs struct {
	log  *slog.Logger
	read func(raw []byte) (held, error) // a pod, or a PipelineRun
	tell func(ids ...string)

	mu     sync.RWMutex
	pods   map[string]held
	seen   map[string]bool
	listed bool
	dead   recent[struct{}] // uids of pods that are gone, or are none of ours any more
	// gone are the last runs, by id, that ended as others than this process deleted
	// their pods. Who deletes by force leaves no time to look: without this the run
	// would have disappeared, and would be tried again.
	gone recent[held]
}

// held is what is kept of a pod.
type held struct {
	run        prow.Run
	name, uid  string
	namespace  string // of a PipelineRun
	version    uint64
	leaving    time.Time // when it should be gone, if it is being deleted
	finalizers []string
	scheduled  bool // a node has it
	stopping   bool
}

// How many pods that are gone are remembered.
const (
	deadKept = 4096
	goneKept = 1024
)

func newRuns(log *slog.Logger, tell func(...string)) *runs {
	return &runs{log: log, read: readPod, tell: tell, pods: map[string]held{}, dead: newRecent[struct{}](deadKept), gone: newRecent[held](goneKept)}
}

func (r *runs) get(id string) (h held, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if h, ok = r.pods[id]; !ok {
		h, ok = r.gone.get(id)
	}
	return h, ok
}

func (r *runs) all() []prow.Run {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]prow.Run, 0, len(r.pods))
	for _, h := range r.pods {
		out = append(out, h.run)
	}
	return out
}

// known reports whether there has been one whole list.
func (r *runs) known() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.listed
}

func (r *runs) put(raw json.RawMessage) (version uint64) {
	if id, err := identify(raw); err == nil && r.stale(id) {
		return id.version
	}
	h, err := r.take(raw)
	if err != nil {
		r.log.Error("pod not understood", "err", err)
	}
	return h.version
}

// stale reports whether what is held of a resource is as new; it saves reading
// again what was the answer to a request of our own.
func (r *runs) stale(id identity) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.pods[id.name]
	if ok = ok && h.uid == id.uid && h.version >= id.version; ok && r.seen != nil {
		r.seen[id.name] = true
	}
	return ok
}

// readPod says what is held of a pod.
func readPod(raw []byte) (held, error) {
	var p corev1.Pod
	if err := json.Unmarshal(raw, &p); err != nil {
		return held{}, err
	}
	return heldOf(&p)
}

func heldOf(p *corev1.Pod) (held, error) {
	version, err := strconv.ParseUint(p.ResourceVersion, 10, 64)
	h := held{run: look(p), name: p.Name, uid: string(p.UID), version: version,
		finalizers: p.Finalizers, scheduled: p.Spec.NodeName != "", stopping: p.Annotations[annotationStop] != ""}
	if p.DeletionTimestamp != nil {
		h.leaving = p.DeletionTimestamp.Time
	}
	return h, err
}

func (r *runs) take(raw []byte) (held, error) {
	h, err := r.read(raw)
	if err != nil {
		return held{}, err
	}
	return r.hold(h), nil
}

// hold takes h unless what is held is newer, and returns h.
func (r *runs) hold(h held) held {
	id := h.run.ID
	r.mu.Lock()
	if r.seen != nil {
		r.seen[id] = true
	}
	if old, ok := r.pods[id]; ok && old.version >= h.version || r.isDead(h.uid) {
		r.mu.Unlock()
		return h
	}
	r.pods[id] = h
	r.gone.drop(id)
	r.mu.Unlock()
	r.tell(id)
	return h
}

// drop is for a pod of which the watch tells that it was deleted.
func (r *runs) drop(raw json.RawMessage) (version uint64) {
	h, err := r.read(raw)
	if err != nil {
		r.log.Error("pod not understood", "err", err)
		return 0
	}
	r.mu.Lock()
	if cutOff(h.run) && !r.isDead(h.uid) {
		r.gone.put(h.run.ID, h)
	}
	r.mu.Unlock()
	r.bury(h.run.ID, h.uid)
	return h.version
}

// forget is for a pod that is gone, or soon will be: what is still told of it
// does not matter.
func (r *runs) forget(id, uid string) {
	r.mu.Lock()
	r.gone.drop(id)
	r.mu.Unlock()
	r.bury(id, uid)
}

// isDead is for who holds mu.
func (r *runs) isDead(uid string) bool {
	_, dead := r.dead.get(uid)
	return dead
}

func (r *runs) bury(id, uid string) {
	r.mu.Lock()
	r.dead.put(uid, struct{}{})
	h, ok := r.pods[id]
	if ok = ok && h.uid == uid; ok {
		delete(r.pods, id)
	}
	r.mu.Unlock()
	if ok {
		r.tell(id)
	}
}

// cutOff reports whether a run ended from outside, and not by itself.
func cutOff(r prow.Run) bool { return r.Phase == prow.Ended && r.Verdict == prow.Error }

func (r *runs) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = map[string]bool{}
}

func (r *runs) end(version uint64) {
	r.mu.Lock()
	var lost []string
	for id, h := range r.pods {
		if !r.seen[id] && h.version <= version {
			lost = append(lost, id)
		}
	}
	for _, id := range lost {
		delete(r.pods, id)
	}
	r.seen, r.listed = nil, true
	r.mu.Unlock()
	r.tell(lost...)
}
