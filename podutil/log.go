package podutil

import (
	"context"
	"io"
	"log/slog"
	"strings"
)

// NewLog returns the log of a utility: lines of JSON with the field names that
// people's log queries know.
func NewLog(component string, w io.Writer) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.LevelKey {
			a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
		}
		return a
	}})
	return slog.New(severity{h}).With("component", component)
}

// severity says the level a second time, under the name that cloud logs read.
type severity struct{ slog.Handler }

func (s severity) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.String("severity", strings.ToLower(r.Level.String())))
	return s.Handler.Handle(ctx, r)
}

func (s severity) WithAttrs(attrs []slog.Attr) slog.Handler {
	return severity{s.Handler.WithAttrs(attrs)}
}
func (s severity) WithGroup(name string) slog.Handler { return severity{s.Handler.WithGroup(name)} }
