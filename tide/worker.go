package tide

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/inrepo"
	"github.com/prow-ci/prow/loop"
)

// Worker is tide. Its fields are set before Run or Wake is called. Only one
// may run on a forge.
type Worker struct {
	Forge   prow.Forge
	Jobs    prow.Jobs
	Git     *git.Store
	InRepo  *inrepo.Source
	Memory  prow.Memory
	Journal prow.Journal
	Config  func() *config.Config
	Now     prow.Clock
	Log     *slog.Logger
	Metrics *Metrics // nil: none

	once sync.Once
	s    *state
}

// key names a pool: one branch of one repository.
type key struct {
	Repo   prow.Repo
	Branch string
}

func (k key) String() string { return k.Repo.String() + ":" + k.Branch }

func parseKey(s string) (key, error) {
	repo, branch, ok := strings.Cut(s, ":")
	r, err := prow.ParseRepo(repo)
	if !ok || err != nil {
		return key{}, fmt.Errorf("pool %q: want owner/name:branch", s)
	}
	return key{r, branch}, nil
}

// state is what the worker knows while it runs. All of it can be found again.
type state struct {
	bell  *bell
	view  *view
	swept time.Time // start of the last full pass that found everything; only the passes touch it

	mu      sync.Mutex
	pools   map[key]*pool
	jobPool map[string]key // of incomplete jobs
	files   map[string][]string
}

func (w *Worker) state() *state {
	w.once.Do(func() {
		w.s = &state{
			bell: &bell{pending: map[string]bool{}}, view: newView(),
			pools: map[key]*pool{}, jobPool: map[string]key{}, files: map[string][]string{},
		}
	})
	return w.s
}

func (s *state) pool(k key) *pool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pools[k]
	if p == nil {
		p = newPool()
		s.pools[k] = p
	}
	return p
}

// maxWorkers is how many pools are worked on at once unless configured.
const maxWorkers = 20

// Run works until ctx is done. What it needs to know it finds on the forge, in
// Jobs and in Memory, so it may be killed at any point.
func (w *Worker) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := w.state()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { w.watchJobs(ctx) })
	looked := make(chan struct{})
	wg.Go(func() { w.sweepAlways(ctx, looked) })
	workers := w.Config().Tide.MaxGoroutines
	if workers <= 0 {
		workers = maxWorkers
	}
	watch := func(ctx context.Context) iter.Seq[string] {
		select { // who decides before the first pass, decides on the few that events told of
		case <-looked:
		case <-ctx.Done():
		}
		return s.bell.Watch(ctx)
	}
	l := loop.Loop{Name: "tide", Watch: watch, Do: w.do, Workers: workers, Log: w.Log, Now: w.Now}
	err := l.Run(ctx)
	stop()
	return err
}

// do works on one pool until there is nothing to do but wait.
func (w *Worker) do(ctx context.Context, id string) (time.Duration, error) {
	k, err := parseKey(id)
	if err != nil {
		return 0, prow.Final(err)
	}
	start := w.Now()
	again, err := w.work(ctx, k)
	w.Metrics.synced(k, start, w.Now(), err)
	if err != nil && ctx.Err() == nil {
		return 0, fmt.Errorf("pool %s: %w", k, errors.Join(err, w.sayBroken(ctx, k, err)))
	}
	return again, nil
}

// maxMoves is how many moves are made in a row before others get their turn.
const maxMoves = 10

func (w *Worker) work(ctx context.Context, k key) (time.Duration, error) {
	cfg := w.Config()
	var before string
	for range maxMoves {
		l, err := w.look(ctx, cfg, k)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, w.drop(ctx, k)
		}
		if err != nil {
			return 0, err
		}
		move := l.decide(ctx)
		w.publish(ctx, l, move)
		if move.Do == prow.Wait || move.Do == prow.Blocked {
			return l.again(w.Now()), w.tell(ctx, l)
		}
		this := fmt.Sprint(move.Do, l.in.BaseSHA, move.On)
		if this == before { // it did not show yet; not in a tight circle
			return time.Second, w.tell(ctx, l)
		}
		before = this
		if err := w.act(ctx, l, move); err != nil {
			return 0, errors.Join(err, w.tell(ctx, l))
		}
	}
	return time.Second, nil
}
