package sqlite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// plain says what the queue should, the slow and simple way.
type plain struct {
	waiting []entry // by seq
	claimed map[string]bool
}

func (p *plain) claim(now time.Time, limit int) (ids []string) {
	seen := map[prow.IssueID]bool{}
	for _, e := range p.waiting {
		first := !seen[e.where]
		seen[e.where] = true
		if first && !p.claimed[e.id] && !p.lineHeld(e.where) && !e.next.After(now) && len(ids) < limit {
			ids = append(ids, e.id)
		}
	}
	for _, id := range ids {
		p.claimed[id] = true
	}
	return ids
}

func (p *plain) lineHeld(where prow.IssueID) bool {
	return slices.ContainsFunc(p.waiting, func(e entry) bool { return e.where == where && p.claimed[e.id] })
}

func (p *plain) put(e entry) {
	p.waiting = append(p.waiting, e)
	slices.SortFunc(p.waiting, func(a, b entry) int { return int(a.seq - b.seq) })
}

func (p *plain) remove(id string) entry {
	i := slices.IndexFunc(p.waiting, func(e entry) bool { return e.id == id })
	e := p.waiting[i]
	p.waiting = slices.Delete(p.waiting, i, i+1)
	delete(p.claimed, id)
	return e
}

// TestQueueIsAsThePlainOne does the same random things to both.
func TestQueueIsAsThePlainOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		q, p := newQueue(), &plain{claimed: map[string]bool{}}
		now := time.Unix(1_000_000, 0)
		var gone []entry
		for step := range 200 {
			switch rnd.IntN(6) {
			case 0, 1:
				e := entry{seq: int64(step), id: fmt.Sprint("e", step), where: prow.IssueID{Number: rnd.IntN(5)}}
				q.put(e)
				q.put(e) // twice is once
				p.put(e)
			case 2: // a replay
				if len(gone) > 0 {
					e := gone[0]
					gone = gone[1:]
					e.next = time.Time{}
					q.put(e)
					p.put(e)
				}
			case 3:
				now = now.Add(time.Duration(rnd.IntN(5)) * time.Second)
			default:
				limit := rnd.IntN(4)
				got, want := q.claim(now, limit), p.claim(now, limit)
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, step %d: claimed %v, want %v", seed, step, got, want)
				}
				for _, id := range want {
					if !q.isClaimed(id) {
						t.Fatalf("seed %d, step %d: %s is not claimed", seed, step, id)
					}
					switch rnd.IntN(4) {
					case 0: // handled
						q.remove(id)
						gone = append(gone, p.remove(id))
					case 1: // tried again later
						q.remove(id)
						e := p.remove(id)
						e.next = now.Add(time.Duration(rnd.IntN(9)) * time.Second)
						q.put(e)
						p.put(e)
					case 2:
						q.giveBack(id)
						delete(p.claimed, id)
					}
				}
			}
			var want []string
			for _, e := range p.waiting {
				want = append(want, e.id)
			}
			if got := q.ids(); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Fatalf("seed %d, step %d: %v wait, want %v", seed, step, got, want)
			}
		}
	}
}
