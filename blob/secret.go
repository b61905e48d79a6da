package blob

import (
	"os"
	"sync"
	"time"
)

// secretFile is a file that is read again when it changes.
type secretFile struct {
	name string

	mu   sync.Mutex
	b    []byte
	size int64
	time time.Time
}

// read returns the content, and whether it differs from the time before.
func (f *secretFile) read() (b []byte, changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := os.Stat(f.name)
	if err != nil {
		return nil, false, err
	}
	if f.b != nil && i.Size() == f.size && i.ModTime().Equal(f.time) {
		return f.b, false, nil
	}
	if b, err = os.ReadFile(f.name); err != nil {
		return nil, false, err
	}
	f.b, f.size, f.time = b, i.Size(), i.ModTime()
	return b, true, nil
}
