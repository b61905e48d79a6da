package kube

import prow "github.com/prow-ci/prow"

// graves know how the last runs ended whose pods others than this process deleted.
// Who deletes by force leaves no time to look: without this the run would have
// disappeared, and would be tried again.
type graves struct {
	known map[string]held // by id of the run
	order []string
	next  int
}

// kept is how many.
const kept = 1024

func (g *graves) get(id string) (h held, ok bool) {
	h, ok = g.known[id]
	return h, ok
}

func (g *graves) drop(id string) { delete(g.known, id) }

func (g *graves) add(h held) {
	if g.known == nil {
		g.known, g.order = map[string]held{}, make([]string, kept)
	}
	delete(g.known, g.order[g.next])
	g.known[h.run.ID], g.order[g.next] = h, h.run.ID
	g.next = (g.next + 1) % kept
}

// cutOff reports whether a run ended from outside, and not by itself.
func cutOff(r prow.Run) bool { return r.Phase == prow.Ended && r.Verdict == prow.Error }
