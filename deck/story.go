package deck

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// told returns the story as people want to hear it: without the events that Prow
// itself, whose login is self, has caused and tells of anyway, and without the
// start of a run, which its cause tells of.
func told(notes []prow.Note, self string) []prow.Note {
	return slices.DeleteFunc(slices.Clone(notes), func(n prow.Note) bool {
		echo := self != "" && n.Kind == "event" && strings.TrimSuffix(n.By, "[bot]") == self
		return echo || n.Who == "plank" && strings.HasPrefix(n.Text, "Started ")
	})
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
