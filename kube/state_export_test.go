package kube

import (
	"errors"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// KillState ends s as a power cut would: nothing is given back.
func KillState(s *State) {
	s.once.Do(func() {})
	s.stop()
	s.Inbox.hub.Close()
	s.stopped.Wait()
}

// Join makes s take part, as its first Accept or Claim would.
func Join(t testing.TB, s *State) {
	t.Helper()
	if _, err := s.replica.join(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// AwaitBurial returns when others have given s up.
func AwaitBurial(t testing.TB, s *State) {
	t.Helper()
	id := s.replica.name()
	for id != "" {
		_, _, err := s.api.call(t.Context(), request{method: http.MethodGet, path: s.path + "/" + id, accept: metadataOnly})
		if apierrors.IsNotFound(err) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// FlushNotes writes what is pending now.
func FlushNotes(t testing.TB, s *State) {
	t.Helper()
	if err := s.Journal.flush(t.Context()); err != nil {
		t.Error(err)
	}
}

// Tidy forgets what is kept for too long, now.
func Tidy(t testing.TB, s *State) {
	t.Helper()
	if err := errors.Join(s.Inbox.bound(t.Context()), s.Journal.bound(t.Context()), s.sweepParts(t.Context())); err != nil {
		t.Error(err)
	}
}
