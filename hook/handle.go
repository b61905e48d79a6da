package hook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/plugin"
)

// handle gives a delivery to everyone who has not finished with it, and settles
// it. It returns the time until the next try, 0 if there is none.
func (w *Worker) handle(ctx context.Context, d *prow.Delivery) time.Duration {
	err := w.handleOnce(ctx, d)
	if ctx.Err() != nil {
		return 0 // cut off: the claim ends with this process
	}
	w.conclude(d, err)
	w.Metrics.settled(string(d.State))
	w.settle(ctx, d)
	if d.State == prow.DeliveryWaiting {
		return d.Next.Sub(w.Now())
	}
	return 0
}

// settle stores what became of d. A delivery that is not settled would hold back
// all that come after it, so a store that fails is asked again.
func (w *Worker) settle(ctx context.Context, d *prow.Delivery) {
	for try := 1; ; try++ {
		err := w.Inbox.Settle(ctx, d)
		if err == nil || ctx.Err() != nil {
			return
		}
		w.Log.Error("webhook not settled", "delivery", d.ID, "try", try, "error", err)
		t := time.NewTimer(w.backoff(try))
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// conclude writes into d what became of it.
func (w *Worker) conclude(d *prow.Delivery, err error) {
	now := w.Now()
	d.Tries++
	d.Error = ""
	var later *prow.RetryAfter
	switch {
	case err == nil:
		d.State, d.Handled, d.Next = prow.DeliveryHandled, now, time.Time{}
		return
	case prow.IsFinal(err), d.Tries >= w.tries(), d.Tries >= fewTries && stubborn(err):
		d.State, d.Handled, d.Next = prow.DeliveryDead, now, time.Time{}
	default:
		d.State, d.Next = prow.DeliveryWaiting, now.Add(w.backoff(d.Tries))
		if errors.As(err, &later) && later.At.After(d.Next) {
			d.Next = later.At
		}
	}
	d.Error = err.Error()
	w.Log.Warn("webhook not handled", "delivery", d.ID, "event", d.Event, "at", d.Where.String(),
		"tries", d.Tries, "state", d.State, "error", err)
}

// fewTries are enough for what another try hardly mends.
const fewTries = 3

var errPanic = errors.New("it panicked")

// stubborn reports whether another try hardly mends err: what is not permitted or
// not there may yet be in a moment, but not often; and later webhooks wait.
func stubborn(err error) bool {
	var all *several
	if errors.As(err, &all) {
		return !slices.ContainsFunc(all.errs, func(err error) bool { return !stubborn(err) })
	}
	return errors.Is(err, prow.ErrForbidden) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errPanic)
}

// handleOnce makes one try. Its error is Final if no other can help.
func (w *Worker) handleOnce(ctx context.Context, d *prow.Delivery) error {
	if !w.Only.Permits(d.Where.Repo) {
		return nil
	}
	events, err := w.parse(d)
	if err != nil {
		return prow.Final(err)
	}
	said := read(events)
	var all sync.WaitGroup
	if d.Tries == 0 {
		for _, e := range events {
			if w.Seen != nil {
				w.Seen(e)
			}
		}
		all.Go(func() { w.noteEvents(ctx, d, events, said) })
	}
	handlers := w.handlers(d, events, said)
	results := make([]prow.Result, len(handlers))
	errs := make([]error, len(handlers))
	for i, h := range handlers {
		if i := slices.IndexFunc(d.Results, func(r prow.Result) bool { return r.Plugin == h.name && r.Done }); i >= 0 {
			results[i] = d.Results[i]
			continue
		}
		all.Go(func() { results[i], errs[i] = w.run(ctx, d, h) })
	}
	all.Wait()
	d.Results = results
	return worst(handlers, errs)
}

// handler is one who gets a delivery: a plugin, or an external one.
type handler struct {
	name string
	do   func(ctx context.Context) (did []string, acted bool, err error)
}

// handlers lists who gets d.
func (w *Worker) handlers(d *prow.Delivery, events []prow.Event, said []plugin.Text) []handler {
	var out []handler
	cfg := w.Config()
	repo := d.Where.Repo
	on, unknown := plugin.Enabled(w.Plugins, cfg, repo)
	for _, name := range unknown {
		if _, told := w.warned.LoadOrStore(cfg.Version+" "+repo.Owner+" "+name, true); !told {
			w.Log.Warn("unknown plugin enabled", "plugin", name, "repo", repo.String())
		}
	}
	for _, p := range on {
		if concerns(&p, events) {
			out = append(out, handler{p.Name, func(ctx context.Context) ([]string, bool, error) {
				return w.runPlugin(ctx, cfg, &p, events, said)
			}})
		}
	}
	for _, x := range cfg.Plugins.ExternalFor(repo, d.Event) {
		name := "external:" + x.Name
		if !slices.ContainsFunc(out, func(h handler) bool { return h.name == name }) {
			out = append(out, handler{name, func(ctx context.Context) ([]string, bool, error) {
				did, err := w.forward(ctx, x, d)
				return did, err == nil, err
			}})
		}
	}
	return out
}

// worst is the error of a try: all that another try may mend, or nil. What a try
// cannot mend is in the results. Where only external plugins did not answer, it
// is Final: they had their tries, and later webhooks shall not wait for them.
func worst(handlers []handler, errs []error) error {
	var out []error
	again := false
	for i, err := range errs {
		if err != nil && !prow.IsFinal(err) {
			out = append(out, fmt.Errorf("%s: %w", handlers[i].name, err))
			again = again || !errors.Is(err, errNoAnswer)
		}
	}
	switch {
	case len(out) == 0:
		return nil
	case !again:
		return prow.Final(&several{out})
	}
	return &several{out}
}

// several are the errors of several plugins on one line.
type several struct{ errs []error }

func (s *several) Error() string {
	texts := make([]string, 0, len(s.errs))
	for _, err := range s.errs {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

func (s *several) Unwrap() []error { return s.errs }

// run gives d to h, and says what came of it.
func (w *Worker) run(ctx context.Context, d *prow.Delivery, h handler) (prow.Result, error) {
	begin := w.Now()
	limited, cancel := context.WithTimeout(ctx, w.timeout())
	defer cancel()
	did, acted, err := h.do(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("stopped after %s: %w", w.timeout(), err)
	}
	r := prow.Result{Plugin: h.name, Took: w.Now().Sub(begin), Did: did, Done: err == nil || prow.IsFinal(err)}
	if err != nil {
		r.Error = err.Error()
	}
	if ctx.Err() != nil {
		return r, err
	}
	w.Metrics.handled(d.Event, d.Action, h.name, acted, r.Took, err)
	if err != nil && prow.IsFinal(err) {
		w.Log.Error("plugin failed for good", "plugin", h.name, "delivery", d.ID, "at", d.Where.String(), "error", err)
	}
	w.noteResult(ctx, d, r)
	return r, err
}

// parse reads the events of d. They have to be of the repository whose secret
// signed it.
func (w *Worker) parse(d *prow.Delivery) (events []prow.Event, err error) {
	err = w.guard("parser", d.ID, func() error {
		events, err = w.Parse(d.Event, d.ID, d.Body)
		return err
	})
	for _, e := range events {
		if at := e.Where().Repo; !strings.EqualFold(at.String(), d.Where.Repo.String()) {
			return nil, fmt.Errorf("the payload is of %s and of %s: not handled", d.Where.Repo, at)
		}
	}
	return events, err
}

// guard calls do and makes an error of a panic.
func (w *Worker) guard(who, delivery string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("panic", "plugin", who, "delivery", delivery, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return do()
}
