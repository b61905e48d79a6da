package local

import (
	"io"
	"strings"
	"sync"
)

// lastWords passes on what is written, and keeps the end of it.
type lastWords struct {
	to io.Writer

	mu  sync.Mutex
	end []byte
}

// maxTail is enough for the last line of an init program.
const maxTail = 256

func (t *lastWords) Write(b []byte) (int, error) {
	t.mu.Lock()
	if len(b) >= maxTail {
		t.end = append(t.end[:0], b[len(b)-maxTail:]...)
	} else {
		t.end = append(t.end, b...)
		t.end = t.end[max(0, len(t.end)-maxTail):]
	}
	t.mu.Unlock()
	return t.to.Write(b)
}

func (t *lastWords) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}

// noProgram is why Podman's init program could not run the test; "" if the log
// does not end with it saying so. It exits with 1, as many tests do.
func noProgram(log string) string {
	last := strings.TrimSpace(log)
	last = last[strings.LastIndexByte(last, '\n')+1:]
	if !strings.HasPrefix(last, "ERROR (catatonit:") {
		return ""
	}
	_, why, _ := strings.Cut(last, "failed to exec pid1: ")
	return why
}
