package kube

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"

	prow "github.com/prow-ci/prow"
)

// cache holds the jobs of a namespace as the watch and our own writes tell them,
// whichever is newer. All methods may be called concurrently.
type cache struct {
	log    *slog.Logger
	tell   func(ids ...string)
	packer packer

	mu   sync.RWMutex
	jobs map[string]*entry
	all  []*entry // oldest first
	open []*entry // of them the incomplete ones
	// gone are uids that this process deleted while the watch may still tell of
	// them.
	gone map[string]string // by id
	// writing are ids with a write of this process under way, and the uid that the
	// watch told was deleted meanwhile: the answer to the write is older.
	writing map[string]string
	seen    map[string]bool // while a list is under way
}

func newCache(log *slog.Logger, tell func(...string)) *cache {
	return &cache{log: log, tell: tell, jobs: map[string]*entry{}, gone: map[string]string{}, writing: map[string]string{}}
}

func (c *cache) get(id string) *entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.jobs[id]
}

// put is a mirror's: a resource that exists.
func (c *cache) put(raw json.RawMessage) (version uint64) {
	id, err := identify(raw)
	if err == nil {
		_, err = c.takeAs(id, raw)
	}
	if err != nil {
		c.log.Error("resource not understood", "err", err)
	}
	return id.version
}

// take holds a resource unless what is held is newer, and returns what is held.
func (c *cache) take(raw []byte) (*entry, error) {
	id, err := identify(raw)
	if err != nil {
		return nil, err
	}
	return c.takeAs(id, raw)
}

func (c *cache) takeAs(id identity, raw []byte) (*entry, error) {
	c.mu.Lock()
	if c.seen != nil {
		c.seen[id.name] = true
	}
	old, stale := c.jobs[id.name], c.stale(id.name, id.uid, id.version)
	c.mu.Unlock()
	if stale {
		return old, nil
	}
	e, err := c.packer.pack(id, raw)
	if err != nil {
		return nil, err
	}
	return c.hold(e), nil
}

// hold takes e unless what is held is newer.
func (c *cache) hold(e *entry) *entry {
	c.mu.Lock()
	old := c.jobs[e.id]
	if c.stale(e.id, e.uid, e.version) {
		c.mu.Unlock()
		return old
	}
	c.unlink(old)
	c.link(e)
	c.mu.Unlock()
	c.tell(e.id)
	return e
}

// stale reports whether something newer is known of a job.
func (c *cache) stale(id, uid string, version uint64) bool {
	old := c.jobs[id]
	return old != nil && old.version >= version || c.gone[id] == uid || c.writing[id] == uid
}

// write is around a write of this process, one at a time for each id.
func (c *cache) write(id string) (written func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing[id] = ""
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.writing, id)
	}
}

// drop is a mirror's: a resource that was deleted.
func (c *cache) drop(raw json.RawMessage) (version uint64) {
	id, err := identify(raw)
	if err != nil {
		c.log.Error("resource not understood", "err", err)
		return 0
	}
	c.mu.Lock()
	if c.gone[id.name] == id.uid {
		delete(c.gone, id.name)
	}
	if _, ok := c.writing[id.name]; ok {
		c.writing[id.name] = id.uid
	}
	c.mu.Unlock()
	c.forget(id.name, id.uid, false)
	return id.version
}

// forget removes a job. ours says that the watch is still to tell.
func (c *cache) forget(id, uid string, ours bool) {
	c.mu.Lock()
	e := c.jobs[id]
	if e == nil || e.uid != uid {
		c.mu.Unlock()
		return
	}
	c.unlink(e)
	if ours {
		c.gone[id] = uid
	}
	c.mu.Unlock()
	c.tell(id)
}

// begin is a mirror's: a list begins.
func (c *cache) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = map[string]bool{}
}

// end is a mirror's: a list as of version has been told.
func (c *cache) end(version uint64) {
	c.mu.Lock()
	var lost []string
	for id, e := range c.jobs {
		if !c.seen[id] && e.version <= version {
			lost = append(lost, id)
		}
	}
	for _, id := range lost {
		c.unlink(c.jobs[id])
	}
	for id := range c.gone {
		if !c.seen[id] {
			delete(c.gone, id)
		}
	}
	c.seen = nil
	c.mu.Unlock()
	c.tell(lost...)
}

func (c *cache) link(e *entry) {
	c.jobs[e.id] = e
	c.all = insert(c.all, e)
	if !e.complete {
		c.open = insert(c.open, e)
	}
}

func (c *cache) unlink(e *entry) {
	if e == nil {
		return
	}
	delete(c.jobs, e.id)
	c.all = remove(c.all, e)
	if !e.complete {
		c.open = remove(c.open, e)
	}
}

func place(list []*entry, o order) (int, bool) {
	return slices.BinarySearchFunc(list, o, func(e *entry, o order) int { return e.order.compare(o) })
}

func insert(list []*entry, e *entry) []*entry {
	i, _ := place(list, e.order)
	return slices.Insert(list, i, e)
}

func remove(list []*entry, e *entry) []*entry {
	if i, ok := place(list, e.order); ok {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// known lists what is still to be done in its order, then what is done, newest
// first.
func (c *cache) known(context.Context) ([]string, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]string, 0, len(c.all))
	for _, e := range c.open {
		out = append(out, e.id)
	}
	for _, e := range slices.Backward(c.all) {
		if e.complete {
			out = append(out, e.id)
		}
	}
	return out, nil
}

// find returns a page of what f describes, newest first.
func (c *cache) find(f prow.JobFilter) []*entry {
	m := newMatch(f)
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := c.all
	if m.open() {
		list = c.open
	}
	if f.Before != "" {
		before := c.jobs[f.Before]
		if before == nil {
			return nil
		}
		i, _ := place(list, before.order)
		list = list[:i]
	}
	var out []*entry
	for _, e := range slices.Backward(list) {
		if !m.matches(e) {
			continue
		}
		if out = append(out, e); len(out) == f.Limit {
			break
		}
	}
	return out
}

// count counts what f describes.
func (c *cache) count(f prow.JobFilter) map[prow.State]int {
	f.Before, f.Limit = "", 0
	out := map[prow.State]int{}
	for _, e := range c.find(f) {
		out[e.state]++
	}
	return out
}
