package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// How often a log is looked at for more: often while something comes, and less
// often the longer nothing does.
const (
	logPauseMin = 10 * time.Millisecond
	logPauseMax = 200 * time.Millisecond
)

// logReader reads a log as it grows.
type logReader struct {
	ctx    context.Context // of Logs: the reader ends with it
	path   string
	offset int64
	done   <-chan struct{} // closed when the log is complete; nil: what is there is all

	mu     sync.Mutex
	f      *os.File
	closed bool
}

func (l *logReader) Read(p []byte) (int, error) {
	for pause := logPauseMin; ; pause = min(pause*2, logPauseMax) {
		complete := l.complete() // before the read: else the last words are missed
		n, err := l.read(p)
		if n > 0 || len(p) == 0 {
			return n, nil // an end is only the end for now
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if complete {
			return 0, io.EOF
		}
		select {
		case <-time.After(pause):
		case <-l.done:
		case <-l.ctx.Done():
			return 0, io.EOF
		}
	}
}

func (l *logReader) complete() bool {
	if l.done == nil || l.ctx.Err() != nil {
		return true
	}
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

func (l *logReader) read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, fs.ErrClosed
	}
	if l.f == nil {
		f, err := os.Open(l.path)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		l.f = f
	}
	n, err := l.f.ReadAt(p, l.offset)
	l.offset += int64(n)
	return n, err
}

func (l *logReader) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.f != nil {
		return l.f.Close()
	}
	return nil
}
