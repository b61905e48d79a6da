package kube

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	tidyPause  = 30 * time.Second
	orphanAge  = 10 * time.Minute // of parts that nothing refers to
	storyAge   = 90 * 24 * time.Hour
	partsEvery = 20 // rounds
)

// tidyUp forgets what is kept for too long. Of all processes that handle webhooks
// one does so.
func (s *State) tidyUp(ctx context.Context) {
	for round := 0; ; round++ {
		select {
		case <-time.After(tidyPause/2 + rand.N(tidyPause)):
		case <-ctx.Done():
			return
		}
		if !s.replica.first() {
			continue
		}
		err := s.Inbox.bound(ctx)
		if err == nil {
			err = s.Journal.bound(ctx)
		}
		if err == nil && round%partsEvery == 0 {
			err = s.sweepParts(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("what is old is not yet forgotten", "err", err)
		}
	}
}

// first reports whether this is the process with the smallest name.
func (r *stateReplica) first() bool {
	all := r.state.store.list(stateProcess)
	return len(all) > 0 && all[0].name == r.name()
}

// bound forgets handled webhooks that are too old or too many.
func (b *Inbox) bound(ctx context.Context) error {
	objects := b.state.store.list(stateDelivery)
	slices.SortFunc(objects, func(x, y *stateObject) int { return int(int64(y.Spec.Order) - int64(x.Spec.Order)) })
	kept, before := 0, nano(b.state.now().Add(-b.state.options.Keep))
	for _, o := range objects {
		done, old := true, true
		for i := range o.Spec.Deliveries {
			l := &o.Spec.Deliveries[i]
			done = done && l.State != prow.DeliveryWaiting
			old = old && l.State == prow.DeliveryHandled && l.Handled < before
		}
		kept += len(o.Spec.Deliveries)
		if done && (old || kept > b.state.options.KeepMost) {
			if err := b.discard(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// bound forgets the stories that nothing was added to for longest.
func (s *Journal) bound(ctx context.Context) error {
	all := s.state.store.list(stateJournal)
	slices.SortFunc(all, func(a, b *stateObject) int { return int(b.Spec.At - a.Spec.At) })
	oldest := s.state.now().Add(-storyAge).Unix()
	for i, o := range all {
		if i >= placesMost || o.Spec.At < oldest {
			if err := s.state.remove(ctx, o.name, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepParts deletes parts that a process which was killed left behind.
func (s *State) sweepParts(ctx context.Context) error {
	const listOfMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	body, _, err := s.api.call(ctx, request{method: http.MethodGet, path: s.path, query: url.Values{"labelSelector": {stateLabel + "=" + statePart}}, accept: listOfMetadata})
	if err != nil {
		return explainState(err)
	}
	var parts metav1.PartialObjectMetadataList
	if err := json.Unmarshal(body, &parts); err != nil {
		return err
	}
	used := map[string]bool{}
	for _, kind := range []string{stateDelivery, stateMemory} {
		for _, o := range s.store.list(kind) {
			for _, p := range o.Spec.Parts {
				used[p] = true
			}
		}
	}
	for _, p := range parts.Items {
		if !used[p.Name] && s.now().Sub(p.CreationTimestamp.Time) > orphanAge {
			if err := s.remove(ctx, p.Name, ""); err != nil {
				return err
			}
		}
	}
	return nil
}
