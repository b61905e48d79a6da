package kube

// recent keeps what was last put under names; the oldest goes when the room is used up.
type recent[V any] struct {
	known map[string]placed[V]
	names []string // by place, in the order of coming round and round
	next  int
}

type placed[V any] struct {
	value V
	place int
}

func newRecent[V any](room int) recent[V] {
	return recent[V]{known: map[string]placed[V]{}, names: make([]string, room)}
}

func (r *recent[V]) get(name string) (v V, ok bool) {
	p, ok := r.known[name]
	return p.value, ok
}

// put keeps v; what has a name already keeps its place.
func (r *recent[V]) put(name string, v V) {
	p, ok := r.known[name]
	if !ok {
		delete(r.known, r.names[r.next])
		p.place = r.next
		r.names[r.next] = name
		r.next = (r.next + 1) % len(r.names)
	}
	p.value = v
	r.known[name] = p
}

func (r *recent[V]) drop(name string) {
	if p, ok := r.known[name]; ok {
		r.names[p.place] = ""
		delete(r.known, name)
	}
}
