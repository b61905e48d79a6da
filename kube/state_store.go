package kube

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// stateStore holds the ProwStates of a namespace as the watch and our own writes
// tell them, whichever is newer. It is the mirror of the reflection; all methods
// may be called concurrently.
type stateStore struct {
	state *State

	mu      sync.Mutex
	objects map[string]*stateObject
	gone    map[string]uint64 // versions of objects that this process deleted, while the watch may tell of them
	seen    map[string]bool   // while a list is under way
	shown   uint64            // all changes up to this version have been told by the watch
	more    chan struct{}     // closed when shown grows
	lines   *stateLines
}

func newStateStore(s *State) *stateStore {
	return &stateStore{state: s, objects: map[string]*stateObject{}, gone: map[string]uint64{}, more: make(chan struct{}), lines: newStateLines()}
}

func (c *stateStore) get(name string) *stateObject {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.objects[name]
}

// list returns what there is of a kind, by name.
func (c *stateStore) list(kind string) []*stateObject {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*stateObject
	for _, o := range c.objects {
		if o.Spec.Kind == kind {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *stateObject) int { return strings.Compare(a.name, b.name) })
	return out
}

// hold takes o unless what is held is newer, and returns what is held.
func (c *stateStore) hold(o *stateObject) *stateObject {
	c.mu.Lock()
	o = c.take(o)
	c.mu.Unlock()
	c.state.changed(o)
	return o
}

// take is hold while mu is held.
func (c *stateStore) take(o *stateObject) *stateObject {
	old := c.objects[o.name]
	switch {
	case o.version <= c.gone[o.name]:
		return o
	case old != nil && old.version >= o.version:
		return old
	}
	c.objects[o.name] = o
	c.lines.change(old, o)
	return o
}

// show tells that the watch has come to a version; mu is held.
func (c *stateStore) show(version uint64) {
	if version > c.shown {
		c.shown = version
		close(c.more)
		c.more = make(chan struct{})
	}
}

// put is a mirror's: an object that exists.
func (c *stateStore) put(raw json.RawMessage) (version uint64) {
	o, err := decodeState(raw)
	if err != nil {
		c.state.log.Error("resource not understood", "err", err)
		return 0
	}
	c.mu.Lock()
	held := c.take(o)
	if c.seen != nil {
		c.seen[o.name] = true
	} else {
		c.show(o.version)
	}
	c.mu.Unlock()
	c.state.changed(held)
	return o.version
}

// drop is a mirror's: an object as it was when it was deleted.
func (c *stateStore) drop(raw json.RawMessage) (version uint64) {
	o, err := decodeState(raw)
	if err != nil {
		c.state.log.Error("resource not understood", "err", err)
		return 0
	}
	c.mu.Lock()
	old := c.objects[o.name]
	delete(c.gone, o.name)
	if old != nil && old.version <= o.version {
		c.forget(old)
	}
	c.show(o.version)
	c.mu.Unlock()
	c.state.changed(o)
	return o.version
}

// lose is told by ourselves: an object that is not there any more.
func (c *stateStore) lose(name string) {
	c.mu.Lock()
	old := c.objects[name]
	if old != nil {
		c.forget(old)
		c.gone[name] = old.version
	}
	c.mu.Unlock()
	if old != nil {
		c.state.changed(old)
	}
}

// forget is told that o is gone; mu is held.
func (c *stateStore) forget(o *stateObject) {
	delete(c.objects, o.name)
	c.lines.change(o, nil)
}

// begin is a mirror's: a list begins.
func (c *stateStore) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = map[string]bool{}
}

// end is a mirror's: a list as of version has been told.
func (c *stateStore) end(version uint64) {
	c.mu.Lock()
	var lost []*stateObject
	for name, o := range c.objects {
		if !c.seen[name] && o.version <= version {
			lost = append(lost, o)
		}
	}
	for _, o := range lost {
		c.forget(o)
	}
	for name := range c.gone {
		if !c.seen[name] {
			delete(c.gone, name)
		}
	}
	c.seen = nil
	c.show(version)
	all := make([]*stateObject, 0, len(c.objects))
	for _, o := range c.objects {
		all = append(all, o)
	}
	c.mu.Unlock()
	// A process that was not heard of while we heard nothing may well live.
	c.state.replica.heardAnew()
	for _, o := range append(lost, all...) {
		c.state.changed(o)
	}
}

// changed wakes whom a change of o concerns.
func (s *State) changed(o *stateObject) {
	switch o.Spec.Kind {
	case stateDelivery:
		ids := make([]string, len(o.Spec.Deliveries))
		for i, l := range o.Spec.Deliveries {
			ids[i] = l.ID
		}
		s.Inbox.hub.Tell(ids...)
	case stateProcess:
		s.replica.heard(o)
	}
}
