package deck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// stream is a response of server-sent events.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies would hold events back
	s := &stream{w, http.NewResponseController(w)}
	_ = s.c.SetWriteDeadline(time.Time{}) // a server's limit is for answers that end
	_ = s.send("", "")
	return s
}

// send sends an event; without a name it is a sign of life.
func (s *stream) send(event, data string) error {
	var err error
	if event == "" {
		_, err = fmt.Fprint(s.w, ":\n\n")
	} else {
		data = strings.ReplaceAll(strings.TrimSuffix(data, "\n"), "\n", "\ndata: ")
		_, err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, data)
	}
	return errors.Join(err, s.c.Flush())
}

// wait lets time pass, with a sign of life.
func (s *stream) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return s.send("", "")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hub tells open pages that what they show may have changed. It watches the
// stores only while there is somebody to tell.
type hub struct {
	server *Server

	mu      sync.Mutex
	subs    map[*sub]bool
	stop    context.CancelFunc // nil: nothing is watched
	jobs    map[string]bool    // changed since the last round
	runs    map[string]bool    // what the runner has of them
	boxes   map[string]bool    // deliveries
	planned bool
}

// sub is one open page.
type sub struct {
	topic topic
	wake  chan struct{}
}

const (
	hubPause = 100 * time.Millisecond // changes within it are told together
	hubMany  = 64                     // more jobs than this in a round: everybody looks
)

func (h *hub) join(ctx context.Context, t topic) *sub {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &sub{t, make(chan struct{}, 1)}
	if h.subs == nil {
		h.subs, h.jobs, h.runs, h.boxes = map[*sub]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
	h.subs[s] = true
	if h.stop == nil {
		ctx, h.stop = h.server.whileOpen(context.WithoutCancel(ctx))
		go h.watch(ctx)
	}
	return s
}

// hubLinger is how long the hub watches on when everybody has left: who goes from
// page to page leaves and joins all the time, and a watch begins with all that
// exists.
const hubLinger = 30 * time.Second

func (h *hub) leave(s *sub) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, s)
	if len(h.subs) > 0 {
		return
	}
	time.AfterFunc(hubLinger, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.subs) == 0 && h.stop != nil {
			h.stop()
			h.stop = nil
		}
	})
}

func (h *hub) watch(ctx context.Context) {
	if h.server.Inbox != nil {
		go func() {
			for id := range h.server.Inbox.Watch(ctx) {
				h.changed(ctx, h.boxes, id)
			}
		}()
	}
	if h.server.Runner != nil {
		go func() {
			for id := range h.server.Runner.Watch(ctx) {
				h.changed(ctx, h.runs, id)
			}
		}()
	}
	for id := range h.server.Jobs.Watch(ctx) {
		h.changed(ctx, h.jobs, id)
	}
}

func (h *hub) changed(ctx context.Context, set map[string]bool, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	set[id] = true
	if !h.planned {
		h.planned = true
		time.AfterFunc(hubPause, func() { h.round(ctx) })
	}
}

// round tells everybody whom a change since the last round concerns.
func (h *hub) round(ctx context.Context) {
	h.mu.Lock()
	h.planned = false
	ids, boxes := keys(h.jobs), len(h.boxes)
	runs := maps.Clone(h.runs)
	clear(h.jobs)
	clear(h.runs)
	clear(h.boxes)
	h.mu.Unlock()
	var jobs []*prow.Job
	if len(ids) <= hubMany {
		for _, id := range ids {
			if j, err := h.server.Jobs.Get(ctx, id); err == nil {
				jobs = append(jobs, j)
			}
		}
	}
	many := len(jobs) < len(ids) // too many, or some are gone
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if s.topic.concerns(jobs, many, boxes > 0) || runs[s.topic.run] {
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}
	}
}

func keys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// topic is what a page shows.
type topic struct {
	jobs, deliveries, tide bool
	run, job               string
	repo                   prow.Repo
	pull                   prow.IssueID
}

// parseTopic reads words such as jobs, tide, deliveries, run=ID, job=NAME,
// repo=owner/name, pull=owner/name#5.
func parseTopic(words string) (t topic, err error) {
	for w := range strings.FieldsSeq(words) {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "jobs":
			t.jobs = true
		case "deliveries":
			t.deliveries = true
		case "tide":
			t.tide = true
		case "run":
			t.run = value
		case "job":
			t.job = value
		case "repo":
			t.repo, err = prow.ParseRepo(value)
		case "pull":
			t.pull, err = prow.ParseIssueID(value)
		default:
			err = badRequest("Nothing here is called %s.", "on takes jobs, tide, deliveries, run=ID, job=NAME, repo=owner/name and pull=owner/name#5.", w)
		}
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t topic) concerns(jobs []*prow.Job, many, boxes bool) bool {
	if many || boxes && (t.deliveries || t.pull.Number > 0) || len(jobs) > 0 && (t.jobs || t.tide) {
		return true
	}
	for _, j := range jobs {
		refs := j.MainRefs()
		switch {
		case j.Name == t.run, t.job != "" && j.Spec.Job == t.job:
			return true
		case refs == nil:
		case !t.repo.IsZero() && refs.RepoID() == t.repo:
			return true
		case t.pull.Number > 0 && refs.RepoID() == t.pull.Repo:
			for _, p := range refs.Pulls {
				if p.Number == t.pull.Number {
					return true
				}
			}
		}
	}
	return false
}

func (s *Server) clock() string { return s.Now().UTC().Format(time.RFC3339Nano) }

// tidePause is how often pages with tide's decisions look again by themselves, and
// podPause how often a cluster is asked what it tells of a pod that somebody looks
// at: nothing tells when that is new.
const (
	tidePause = 2 * time.Second
	podPause  = 4 * time.Second
)

// events tells a reader the time, for clocks differ, and then when to look again:
// an event "change". It says nothing of what has changed: look, and see.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	t, err := parseTopic(r.URL.Query().Get("on"))
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	ctx, cancel := s.whileOpen(r.Context())
	defer cancel()
	me := s.live.join(ctx, t)
	defer s.live.leave(me)
	out := newStream(w)
	_ = out.send("time", s.clock())
	pause := 20 * time.Second
	switch {
	case t.tide || t.pull.Number > 0:
		pause = tidePause
	case t.run != "" && s.Pods != nil:
		pause = podPause
	}
	mark := s.podMark(ctx, t.run)
	alive := time.NewTicker(pause)
	defer alive.Stop()
	for {
		event := "change"
		select {
		case <-ctx.Done():
			return
		case <-me.wake:
		case <-alive.C:
			if now := s.podMark(ctx, t.run); pause != tidePause && now == mark {
				event = ""
			} else {
				mark = now
			}
		}
		if out.send(event, s.clock()) != nil || out.wait(ctx, 2*hubPause) != nil {
			return
		}
	}
}
