package tide

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	prow "github.com/prow-ci/prow"
)

// pool is what the worker remembers of one branch between two looks. One look
// at a time works on it; what others read is guarded by mu.
type pool struct {
	loaded   bool
	failures []Failure
	unsaved  bool            // failures has news that Memory has not
	hold     *Refusal        // nothing can be merged into the branch
	same     map[string]bool // whether two sets make the same files
	sets     map[string]set  // what a set needs, by its refs
	saved    map[string]string
	told     map[int]string // text of each verdict, as last told
	moved    string         // the decision last told

	mu       sync.Mutex
	owns     map[int]own
	history  []prow.Record
	snapshot *snapshot // what was last published
}

func newPool() *pool {
	return &pool{same: map[string]bool{}, sets: map[string]set{}, saved: map[string]string{}, told: map[int]string{}, owns: map[int]own{}}
}

func failuresName(k key) string { return "tide/failed/" + k.String() }

// load finds again, once, what was remembered before a restart.
func (p *pool) load(ctx context.Context, m prow.Memory, k key) error {
	if p.loaded {
		return nil
	}
	if err := load(ctx, m, failuresName(k), &p.failures); err != nil {
		return err
	}
	var history []prow.Record
	if err := load(ctx, m, prow.HistoryName(k.Repo, k.Branch), &history); err != nil {
		return err
	}
	var last prow.Pool
	if err := load(ctx, m, prow.PoolName(k.Repo, k.Branch), &last); err != nil {
		return err
	}
	p.mu.Lock()
	p.history = history
	p.mu.Unlock()
	p.moved, p.loaded = last.Move.Why, true
	return nil
}

// recall finds again, once, what was last told of a pull request.
func (p *pool) recall(ctx context.Context, m prow.Memory, v prow.Verdict) error {
	if _, ok := p.told[v.Pull.Number]; ok {
		return nil
	}
	var last prow.Verdict
	if err := load(ctx, m, prow.VerdictName(prow.IssueID{Repo: v.Repo, Number: v.Pull.Number}), &last); err != nil {
		return err
	}
	p.told[v.Pull.Number] = last.Text
	return nil
}

// load reads a value from memory; absent leaves v as it is.
func load(ctx context.Context, m prow.Memory, name string, v any) error {
	text, err := m.Load(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("memory %s: %w", name, err)
	}
	return nil
}

func save(ctx context.Context, m prow.Memory, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := m.Save(ctx, name, text); err != nil {
		return fmt.Errorf("memory %s: %w", name, err)
	}
	return nil
}

func (p *pool) own(number int, of string) (own, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.owns[number]
	return o, ok && o.of == of
}

func (p *pool) keep(number int, o own) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owns[number] = o
}

// busy reports whether somebody waits to be merged.
func (p *pool) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snapshot != nil && len(p.snapshot.SuccessPRs)+len(p.snapshot.PendingPRs)+len(p.snapshot.MissingPRs) > 0
}

// tidy forgets what belongs to pull requests that are gone.
func (p *pool) tidy(here []*Facts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := range p.owns {
		if !slices.ContainsFunc(here, func(f *Facts) bool { return f.Pull.ID.Number == n }) {
			delete(p.owns, n)
			delete(p.told, n)
		}
	}
}
