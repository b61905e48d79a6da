package hook

import (
	"context"
	"errors"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// read finds the commands of each comment among events, once for all plugins.
func read(events []prow.Event) []plugin.Text {
	out := make([]plugin.Text, len(events))
	for i, e := range events {
		if c, ok := e.(prow.CommentEvent); ok {
			out[i] = plugin.Read(c.Body)
		}
	}
	return out
}

// concerns reports whether p has a handler for one of events.
func concerns(p *plugin.Plugin, events []prow.Event) bool {
	for _, e := range events {
		var is bool
		switch e.(type) {
		case prow.CommentEvent:
			is = p.OnComment != nil || len(p.Commands) > 0
		case prow.PullEvent:
			is = p.OnPull != nil
		case prow.ReviewEvent:
			is = p.OnReview != nil
		case prow.IssueEvent:
			is = p.OnIssue != nil
		case prow.PushEvent:
			is = p.OnPush != nil
		case prow.StatusEvent:
			is = p.OnStatus != nil
		}
		if is {
			return true
		}
	}
	return false
}

// runPlugin gives events to p, each with its own Call. A handler that fails does
// not keep p's others from running.
func (w *Worker) runPlugin(ctx context.Context, cfg *config.Config, p *plugin.Plugin, events []prow.Event, said []plugin.Text) (did []string, acted bool, err error) {
	var errs []error
	for i, e := range events {
		c := w.call(cfg, p, e)
		for _, do := range reactions(c, p, e, said[i].Lines) {
			err := w.guard(p.Name, e.Delivery(), func() error { return do(ctx) })
			if text, refused := prow.Refusal(err); refused {
				err = w.answer(ctx, c, text)
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		did = append(did, c.Done()...)
		acted = acted || c.Forge.(*telling).acted.Load()
	}
	switch len(errs) {
	case 0:
		return did, acted, nil
	case 1:
		return did, acted, errs[0]
	}
	return did, acted, joined(errs)
}

// joined is Final only if all of errs are.
func joined(errs []error) error {
	var passing []error
	for _, err := range errs {
		if !prow.IsFinal(err) {
			passing = append(passing, err)
		}
	}
	if len(passing) > 0 {
		return &several{passing}
	}
	return errors.Join(errs...)
}

func (w *Worker) call(cfg *config.Config, p *plugin.Plugin, e prow.Event) *plugin.Call {
	c := &plugin.Call{
		Tools: w.Tools, Plugin: p.Name, Event: e, At: e.Where(), Config: cfg,
		Log: w.Log.With("plugin", p.Name, "delivery", e.Delivery(), "at", e.Where().String()),
	}
	c.Forge = tell(w.Tools.Forge, c)
	if c.Now == nil {
		c.Now = w.Now
	}
	if c.Plugins == nil {
		c.Plugins = w.Plugins
	}
	return c
}

// answer tells a person why not.
func (w *Worker) answer(ctx context.Context, c *plugin.Call, text string) error {
	c.Did("refused: %s", firstLine(text))
	if c.At.Number == 0 {
		return nil // nobody there to read it; it is in the story
	}
	return c.Reply(ctx, text)
}

// reactions are what p does about e, in order: its commands, then its handler.
func reactions(c *plugin.Call, p *plugin.Plugin, e prow.Event, lines []plugin.Line) []func(context.Context) error {
	var out []func(context.Context) error
	add := func(do func(context.Context) error) { out = append(out, do) }
	switch e := e.(type) {
	case prow.CommentEvent:
		for i := range p.Commands {
			cmd := &p.Commands[i]
			if !cmd.Hears(e) {
				continue
			}
			if own := cmd.Among(lines); len(own) > 0 {
				add(func(ctx context.Context) error { return cmd.Run(ctx, c, e, own) })
			}
		}
		if p.OnComment != nil {
			add(func(ctx context.Context) error { return p.OnComment(ctx, c, e) })
		}
	case prow.PullEvent:
		if p.OnPull != nil {
			add(func(ctx context.Context) error { return p.OnPull(ctx, c, e) })
		}
	case prow.ReviewEvent:
		if p.OnReview != nil {
			add(func(ctx context.Context) error { return p.OnReview(ctx, c, e) })
		}
	case prow.IssueEvent:
		if p.OnIssue != nil {
			add(func(ctx context.Context) error { return p.OnIssue(ctx, c, e) })
		}
	case prow.PushEvent:
		if p.OnPush != nil {
			add(func(ctx context.Context) error { return p.OnPush(ctx, c, e) })
		}
	case prow.StatusEvent:
		if p.OnStatus != nil {
			add(func(ctx context.Context) error { return p.OnStatus(ctx, c, e) })
		}
	}
	return out
}
