package hook

import (
	"context"
	"slices"
	"strings"
	"sync"

	prow "github.com/prow-ci/prow"
)

// seenLabels are the labels of the call's issue as far as they were seen, in the
// event or in what the plugin read since, so that the story tells only of those
// that changed.
type seenLabels struct {
	mu    sync.Mutex
	known bool
	list  []string
}

// labelsIn returns the labels that an event shows of its issue or pull request.
func labelsIn(e prow.Event) (list []string, known bool) {
	switch e := e.(type) {
	case prow.CommentEvent:
		return e.Issue.Labels, true
	case prow.PullEvent:
		return e.Pull.Labels, true
	case prow.IssueEvent:
		return e.Issue.Labels, true
	}
	return nil, false
}

func (s *seenLabels) saw(list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.list = true, slices.Clone(list)
}

// add takes labels in and returns those that were not there.
func (s *seenLabels) add(labels []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := slices.DeleteFunc(slices.Clone(labels), s.has)
	s.list = append(s.list, news...)
	return news
}

// remove takes label out and reports whether it was there, or may have been.
func (s *seenLabels) remove(label string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := !s.known || s.has(label)
	s.list = slices.DeleteFunc(s.list, func(x string) bool { return strings.EqualFold(x, label) })
	return had
}

func (s *seenLabels) has(label string) bool {
	return slices.ContainsFunc(s.list, func(x string) bool { return strings.EqualFold(x, label) })
}

func (t *telling) Pull(ctx context.Context, id prow.IssueID) (*prow.Pull, error) {
	p, err := t.Forge.Pull(ctx, id)
	if err == nil && id == t.call.At {
		t.labels.saw(p.Labels)
	}
	return p, err
}

func (t *telling) Issue(ctx context.Context, id prow.IssueID) (*prow.Issue, error) {
	i, err := t.Forge.Issue(ctx, id)
	if err == nil && id == t.call.At {
		t.labels.saw(i.Labels)
	}
	return i, err
}

func (t *telling) AddLabel(ctx context.Context, id prow.IssueID, labels ...string) error {
	err := t.Forge.AddLabel(ctx, id, labels...)
	if err == nil && id == t.call.At {
		labels = t.labels.add(labels)
	}
	return t.toldIf(len(labels) > 0, err, id, "added label %s", strings.Join(labels, ", "))
}

func (t *telling) RemoveLabel(ctx context.Context, id prow.IssueID, label string) error {
	err := t.Forge.RemoveLabel(ctx, id, label)
	changed := err != nil || id != t.call.At || t.labels.remove(label)
	return t.toldIf(changed, err, id, "removed label %s", label)
}
