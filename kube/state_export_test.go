package kube

import (
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
