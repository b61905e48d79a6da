package tide

import (
	"sync"
	"time"

	"github.com/prow-ci/prow/loop"
)

// settle is how long a pool waits after an event for those that come with it:
// a review brings labels, a finished job its check.
const settle = 75 * time.Millisecond

// bell rings each name once, a moment after it was first pulled.
type bell struct {
	loop.Bell
	mu      sync.Mutex
	pending map[string]bool
}

// Pull lets name ring soon.
func (b *bell) Pull(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending[name] {
		return
	}
	b.pending[name] = true
	time.AfterFunc(settle, func() {
		b.mu.Lock()
		delete(b.pending, name)
		b.mu.Unlock()
		b.Ring(name)
	})
}
