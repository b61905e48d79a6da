package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
)

// Journal implements prow.Journal on ProwStates: one for each place, with its
// newest notes. Notes are written together, a moment after they were recorded;
// what a process that is killed had not yet written is missing from the story,
// and from nothing else.
type Journal struct {
	state *State

	flushing sync.Mutex
	mu       sync.Mutex
	pending  map[prow.IssueID][]prow.Note
	timer    *time.Timer
}

var _ prow.Journal = (*Journal)(nil)

const (
	notesMost   = 200         // of a place
	notesLinger = time.Second // before they are written
	placesMost  = 3000        // with a story
	notesSize   = 256 << 10   // compressed, of a place
)

func newJournal(s *State) *Journal {
	return &Journal{state: s, pending: map[prow.IssueID][]prow.Note{}}
}

// Record stores n, once, a moment later.
func (s *Journal) Record(_ context.Context, n prow.Note) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.pending[n.Where], func(m prow.Note) bool { return sameNote(m, n) }) {
		return nil
	}
	notes := append(s.pending[n.Where], n)
	s.pending[n.Where] = notes[max(0, len(notes)-notesMost):]
	if s.timer == nil {
		s.timer = time.AfterFunc(notesLinger, func() {
			if err := s.flush(s.state.ctx); err != nil && s.state.ctx.Err() == nil {
				s.state.log.Warn("notes not written, tried again", "err", err)
			}
		})
	}
	return nil
}

// sameNote reports whether m is n written again: within a delivery or a job.
func sameNote(m, n prow.Note) bool {
	return (n.Delivery != "" || n.Job != "") && m.Where == n.Where && m.Who == n.Who && m.Kind == n.Kind && m.Text == n.Text && m.Delivery == n.Delivery && m.Job == n.Job
}

// flush writes what is pending, places side by side.
func (s *Journal) flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	pending := s.pending
	s.pending = map[prow.IssueID][]prow.Note{}
	s.timer = nil
	s.mu.Unlock()
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	lanes := make(chan struct{}, acceptLanes)
	for where, notes := range pending {
		lanes <- struct{}{}
		all.Go(func() {
			defer func() { <-lanes }()
			if err := s.write(ctx, where, notes); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				for _, n := range notes {
					_ = s.Record(ctx, n) // it never fails
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *Journal) write(ctx context.Context, where prow.IssueID, notes []prow.Note) error {
	return s.state.amends.amend(ctx, stateName("j", where.String()), stateJournal, func(_ context.Context, o *stateObject) error {
		all, err := notesOf(o)
		if err != nil {
			s.state.log.Error("story damaged, begun anew", "at", where.String(), "err", err)
			all = nil
		}
		added := false
		for _, n := range notes {
			if !slices.ContainsFunc(all, func(m prow.Note) bool { return sameNote(m, n) }) {
				all, added = append(all, n), true
				o.Spec.At = max(o.Spec.At, n.At.Unix())
			}
		}
		if !added {
			return nil
		}
		slices.SortStableFunc(all, func(a, b prow.Note) int { return a.At.Compare(b.At) })
		o.Spec.Name = where.String()
		o.Spec.Payload, err = s.packNotes(all)
		return err
	})
}

// packNotes keeps the newest that have room.
func (s *Journal) packNotes(all []prow.Note) ([]byte, error) {
	for most := notesMost; ; most /= 2 {
		all = all[max(0, len(all)-most):]
		var lines [][]byte
		for _, n := range all {
			b, err := json.Marshal(n)
			if err != nil {
				return nil, err
			}
			lines = append(lines, b, []byte{'\n'})
		}
		packed, err := s.state.press.squeeze(lines...)
		if err != nil || len(packed) <= notesSize || most == 0 {
			return packed, err
		}
	}
}

func notesOf(o *stateObject) (out []prow.Note, err error) {
	if len(o.Spec.Payload) == 0 {
		return nil, nil
	}
	plain, err := unsqueeze(o.Spec.Payload)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(plain) {
		var n prow.Note
		if err := json.Unmarshal(line, &n); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// Notes lists the newest limit notes of where, oldest first, those not yet
// written too. Number 0 means the whole repository.
func (s *Journal) Notes(_ context.Context, where prow.IssueID, limit int) ([]prow.Note, error) {
	var out []prow.Note
	read := func(o *stateObject) error {
		notes, err := notesOf(o)
		out = append(out, notes...)
		return err
	}
	if where.Number != 0 {
		if o := s.state.store.get(stateName("j", where.String())); o != nil {
			if err := read(o); err != nil {
				return nil, err
			}
		}
	} else {
		for _, o := range s.state.store.list(stateJournal) {
			if of, _, _ := strings.Cut(o.Spec.Name, "#"); of == where.Repo.String() {
				if err := read(o); err != nil {
					return nil, err
				}
			}
		}
	}
	s.mu.Lock()
	for at, notes := range s.pending {
		if at == where || where.Number == 0 && at.Repo == where.Repo {
			for _, n := range notes {
				if !slices.ContainsFunc(out, func(m prow.Note) bool { return sameNote(m, n) }) {
					out = append(out, n)
				}
			}
		}
	}
	s.mu.Unlock()
	slices.SortStableFunc(out, func(a, b prow.Note) int { return a.At.Compare(b.At) })
	if limit > 0 {
		out = out[max(0, len(out)-limit):]
	}
	return out, nil
}
