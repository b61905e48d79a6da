package hub_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/prow-ci/prow/hub"
)

func nothing(context.Context) ([]string, error) { return nil, nil }

// A slow watcher gets each name that changed, once, however often it did.
func TestNothingIsLostAndNothingPilesUp(t *testing.T) {
	t.Parallel()
	var h hub.Hub
	var got []string
	for n := range h.Watch(t.Context(), func(context.Context) ([]string, error) { return []string{"old"}, nil }) {
		got = append(got, n)
		switch n {
		case "old":
			for range 1000 {
				h.Tell("a", "b")
			}
		case "b":
			h.Tell("a") // again, as it changed after it was taken
			h.Tell("end")
		}
		if n == "end" {
			break
		}
	}
	if want := []string{"old", "a", "b", "a", "end"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if h.Watched() {
		t.Error("a watcher that left is still there")
	}
}

// What happens while existing names are asked for is not missed, and asking is
// repeated until it works.
func TestNothingFallsBetween(t *testing.T) {
	t.Parallel()
	var h hub.Hub
	tries := 0
	var got []string
	for n := range h.Watch(t.Context(), func(context.Context) ([]string, error) {
		if tries++; tries == 1 {
			h.Tell("new")
			return nil, errors.New("not now")
		}
		return []string{"old"}, nil
	}) {
		if got = append(got, n); len(got) == 2 {
			break
		}
	}
	if !slices.Equal(got, []string{"old", "new"}) || tries != 2 {
		t.Errorf("got %v after %d tries", got, tries)
	}
}

func TestTheEndOfAWatch(t *testing.T) {
	t.Parallel()
	var h hub.Hub
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range h.Watch(ctx, func(context.Context) ([]string, error) { return []string{"a"}, nil }) {
		cancel()
	}
	for range h.Watch(t.Context(), func(context.Context) ([]string, error) { return []string{"a"}, nil }) {
		h.Close()
	}
	for range h.Watch(t.Context(), nothing) {
		t.Error("a closed hub yields")
	}
	h.Tell("nobody")
}
