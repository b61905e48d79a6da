package deck

import (
	"context"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// told returns the story, newest first, as people want to hear it: without the
// events that Prow itself, whose login is self, has caused and tells of anyway,
// without the start of a run, which its cause tells of, and with what was done to
// several jobs at once in one line.
func told(notes []prow.Note, self string) []prow.Note {
	var out []prow.Note
	for _, n := range notes {
		echo := self != "" && n.Kind == "event" && strings.TrimSuffix(n.By, "[bot]") == self
		if echo || n.Who == "plank" && strings.HasPrefix(n.Text, "Started ") {
			continue
		}
		if len(out) > 0 && sameAct(out[len(out)-1], n) {
			_, later, _ := strings.Cut(out[len(out)-1].Text, " ")
			n.Text += ", " + later
			out[len(out)-1] = n
			continue
		}
		out = append(out, n)
	}
	return out
}

// sameAct tells whether two notes say of two jobs that the same was done to them.
func sameAct(a, b prow.Note) bool {
	verb, _, _ := strings.Cut(a.Text, " ")
	return (verb == "started" || verb == "ended") && strings.HasPrefix(b.Text, verb+" ") && a.Who == "trigger" && b.Who == "trigger" &&
		a.Job == "" && b.Job == "" && a.Delivery != "" && a.Delivery == b.Delivery && a.Where == b.Where
}

// selfAgain is when a forge that did not say who we are is asked again.
const selfAgain = time.Minute

// selfCache remembers by which login Prow acts.
type selfCache struct {
	mu    sync.Mutex
	login string
	asked time.Time
}

// self returns the login that Prow acts by, or nothing if the forge does not say.
func (s *Server) self(ctx context.Context) string {
	c, now := &s.acts, s.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Forge == nil || c.login != "" || now.Sub(c.asked) < selfAgain {
		return c.login
	}
	c.asked = now
	ctx, cancel := context.WithTimeout(ctx, forgeTime)
	defer cancel()
	c.login, _ = s.Forge.Self(ctx) // the story is a little longer without it
	return c.login
}
