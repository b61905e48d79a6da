package plank

import (
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// BuildIDs makes build ids: 41 bits of milliseconds, 10 of a node, 12 of a
// sequence, in decimal. They sort by time. All methods may be called
// concurrently.
type BuildIDs struct {
	Node string // whatever tells replicas apart, such as the pod's name
	Now  prow.Clock

	mu   sync.Mutex
	last int64 // milliseconds since the epoch of build ids
	seq  int64
}

// Next returns an id that no other call returns.
func (b *BuildIDs) Next() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	epoch := time.Date(2010, 11, 4, 1, 42, 54, 657_000_000, time.UTC)
	ms := b.Now().Sub(epoch).Milliseconds()
	if ms > b.last {
		b.last, b.seq = ms, 0
	} else if b.seq++; b.seq == 1<<12 { // used up, or the clock went back: borrow from the future
		b.last, b.seq = b.last+1, 0
	}
	return strconv.FormatInt(b.last<<22|node(b.Node)<<12|b.seq, 10)
}

// node folds a name into 10 bits.
func node(name string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // it never fails
	sum := h.Sum32()
	return int64((sum ^ sum>>10 ^ sum>>20) & 0x3ff)
}
