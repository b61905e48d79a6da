package kube

import (
	"context"
	"iter"

	names "github.com/prow-ci/prow/hub"
)

// hub is a names.Hub of those who know at once what exists.
type hub struct{ names.Hub }

func newHub() *hub { return &hub{} }

func (h *hub) close() { h.Close() }

func (h *hub) tell(ids ...string) {
	if len(ids) > 0 {
		h.Tell(ids...)
	}
}

func (h *hub) watch(ctx context.Context, existing func() []string) iter.Seq[string] {
	return h.Watch(ctx, func(context.Context) ([]string, error) { return existing(), nil })
}
