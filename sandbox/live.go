package sandbox

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// news tells open pages that something changed.
type news struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next change
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}

// wait returns what is closed at the next change.
func (n *news) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	return n.next
}

const (
	newsPause = 200 * time.Millisecond // changes within it are told together
	newsSign  = 20 * time.Second       // of life, for proxies
)

// newsPage is a stream of server-sent events: "changed" whenever anything on the
// forge has. What, the page finds by looking, as whom it may.
func newsPage(v *visit) (any, error) {
	c := http.NewResponseController(v.w)
	_ = c.SetWriteDeadline(time.Time{}) // a server's limit is for answers that end
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("Cache-Control", "no-store")
	sign := time.NewTicker(newsSign)
	defer sign.Stop()
	say := ":\n\n"
	for {
		next := v.news.wait()
		if _, err := fmt.Fprint(v.w, say); err != nil {
			return nil, nil // who listened has left
		}
		if err := c.Flush(); err != nil {
			return nil, nil
		}
		say = ":\n\n"
		select {
		case <-v.r.Context().Done():
			return nil, nil
		case <-sign.C:
			continue
		case <-next:
		}
		say = "event: changed\ndata: \n\n"
		select {
		case <-time.After(newsPause):
		case <-v.r.Context().Done():
			return nil, nil
		}
	}
}

func scriptPage(v *visit) (any, error) {
	http.ServeFileFS(v.w, v.r, files, "html/live.js")
	return nil, nil
}
