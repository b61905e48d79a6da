package tide

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
)

// Member is one pull request of a set, at one commit.
type Member struct {
	Number int    `json:"number"`
	SHA    string `json:"sha"`
}

// Failure is a set that was tested together and did not pass. Tide remembers
// it, because jobs are forgotten sooner than pull requests.
type Failure struct {
	BaseSHA  string    `json:"base"`
	Members  []Member  `json:"members"` // by number
	Contexts []string  `json:"contexts"`
	At       time.Time `json:"at"`
}

// maxFailures is how many failed sets of a branch are remembered.
const maxFailures = 100

func members(refs []prow.PullRef) []Member {
	out := make([]Member, 0, len(refs))
	for _, p := range refs {
		out = append(out, Member{p.Number, p.SHA})
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

// same reports whether f is about exactly this set on this base.
func (f *Failure) same(baseSHA string, m []Member) bool {
	return f.BaseSHA == baseSHA && slices.Equal(f.Members, m)
}

// remember adds f to known, newest first, and reports whether it is news.
func remember(known []Failure, f Failure) ([]Failure, bool) {
	for i := range known {
		k := &known[i]
		if !k.same(f.BaseSHA, f.Members) {
			continue
		}
		news := false
		for _, c := range f.Contexts {
			if !slices.Contains(k.Contexts, c) {
				k.Contexts, news = append(k.Contexts, c), true
			}
		}
		return known, news
	}
	known = slices.Insert(known, 0, f)
	return known[:min(len(known), maxFailures)], true
}

// forget drops the sets of which a member is gone or has moved: they cannot be
// tested again unchanged, and say little about what is left.
func forget(known []Failure, here standings) []Failure {
	return slices.DeleteFunc(slices.Clone(known), func(f Failure) bool {
		left := 0
		for _, m := range f.Members {
			if s := here.of(m.Number); s != nil && s.Ref.SHA == m.SHA {
				left++
			}
		}
		return left < 2
	})
}

// room reports whether set with next may be tested together. A set that
// failed is halved: at most half of its members, rounded up, go together
// again, so a pair goes alone. needs are the contexts that still have to pass; a
// failure of others says nothing.
func room(known []Failure, set []Member, next Member, needs []string) bool {
	for _, f := range known {
		if !slices.Contains(f.Members, next) || !slices.ContainsFunc(f.Contexts, func(c string) bool { return slices.Contains(needs, c) }) {
			continue
		}
		shared := 1
		for _, m := range set {
			if slices.Contains(f.Members, m) {
				shared++
			}
		}
		if shared > (len(f.Members)+1)/2 {
			return false
		}
	}
	return true
}

// suspicion counts the failed sets that m was in: innocents are tested first.
func suspicion(known []Failure, m Member) int {
	n := 0
	for _, f := range known {
		if slices.Contains(f.Members, m) {
			n++
		}
	}
	return n
}

func short(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:8])
}
