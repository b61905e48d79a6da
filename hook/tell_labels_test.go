package hook

import (
	"context"
	"slices"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
	"github.com/prow-ci/prow/prowtest/world"
)

// The story tells of labels that changed, not of those that were said again.
func TestOnlyChangedLabelsAreTold(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	id := w.Issue(w.Repo("o/r", nil), "ann", "it leaks", "")
	for _, x := range []struct {
		name string
		has  []string // by the event
		do   func(context.Context, prow.Forge) error
		want []string
	}{
		{"new", nil, func(ctx context.Context, f prow.Forge) error { return f.AddLabel(ctx, id, "a") }, []string{"added label a"}},
		{"there", []string{"A"}, func(ctx context.Context, f prow.Forge) error { return f.AddLabel(ctx, id, "a") }, nil},
		{"one of two", []string{"a"}, func(ctx context.Context, f prow.Forge) error { return f.AddLabel(ctx, id, "a", "b") }, []string{"added label b"}},
		{"gone", nil, func(ctx context.Context, f prow.Forge) error { return f.RemoveLabel(ctx, id, "c") }, nil},
		{"removed twice", []string{"b"}, func(ctx context.Context, f prow.Forge) error {
			if err := f.RemoveLabel(ctx, id, "b"); err != nil {
				return err
			}
			return f.RemoveLabel(ctx, id, "b")
		}, []string{"removed label b"}},
		{"the event is old", nil, func(ctx context.Context, f prow.Forge) error {
			if _, err := f.Issue(ctx, id); err != nil {
				return err
			}
			return f.RemoveLabel(ctx, id, "a")
		}, []string{"removed label a"}},
	} {
		c := &plugin.Call{At: id, Event: prow.CommentEvent{Issue: prow.Issue{Labels: x.has}}}
		if err := x.do(t.Context(), tell(w.Forge(), c)); err != nil {
			t.Fatal(x.name, err)
		}
		if got := c.Done(); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
}
