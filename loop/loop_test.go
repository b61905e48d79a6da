package loop_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/loop"
)

// story runs a loop with a bell in a bubble of time and lets tell go on with it.
func story(t *testing.T, do func(ctx context.Context, id string) (time.Duration, error), workers int, tell func(b *loop.Bell)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var b loop.Bell
		done := make(chan error)
		go func() {
			done <- loop.Loop{Name: "test", Watch: b.Watch, Do: do, Workers: workers, Log: slog.New(slog.DiscardHandler)}.Run(ctx)
		}()
		tell(&b)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNamesComeOnceEach(t *testing.T) {
	var calls []string
	story(t, func(_ context.Context, id string) (time.Duration, error) {
		calls = append(calls, id)
		time.Sleep(time.Second)
		return 0, nil
	}, 1, func(b *loop.Bell) {
		b.Ring("a", "b", "a", "a")
		synctest.Wait()
		b.Ring("b", "b")
		b.Ring("a") // while Do works on it: once more afterwards
		time.Sleep(time.Minute)
	})
	if got := strings.Join(calls, ""); got != "aba" {
		t.Errorf("calls %s, want aba", got)
	}
}

func TestOneNameNeverTwiceAtOnce(t *testing.T) {
	var busy [3]atomic.Int32
	var most, together atomic.Int32
	story(t, func(_ context.Context, id string) (time.Duration, error) {
		n := &busy[id[0]-'a']
		if n.Add(1) > 1 {
			t.Errorf("%s twice at once", id)
		}
		most.Store(max(most.Load(), together.Add(1)))
		time.Sleep(time.Millisecond)
		together.Add(-1)
		n.Add(-1)
		return 0, nil
	}, 3, func(b *loop.Bell) {
		for range 100 {
			b.Ring("a", "b", "c")
			time.Sleep(300 * time.Microsecond)
		}
	})
	if most.Load() != 3 {
		t.Errorf("%d side by side, want 3", most.Load())
	}
}

func TestAgainAfterAWhile(t *testing.T) {
	var at []time.Duration
	var start time.Time
	story(t, func(context.Context, string) (time.Duration, error) {
		at = append(at, time.Since(start))
		if len(at) == 3 {
			return 0, nil
		}
		return 10 * time.Second, nil
	}, 1, func(b *loop.Bell) {
		start = time.Now()
		b.Ring("a")
		time.Sleep(time.Hour)
	})
	if want := []time.Duration{0, 10 * time.Second, 20 * time.Second}; !slices.Equal(at, want) {
		t.Errorf("called at %v, want %v", at, want)
	}
}

func TestFailuresAreTriedAgainEverSlower(t *testing.T) {
	var at []time.Time
	story(t, func(context.Context, string) (time.Duration, error) {
		at = append(at, time.Now())
		switch len(at) {
		case 3:
			panic("a bug")
		case 8:
			return 0, nil
		}
		return 0, errors.New("not yet")
	}, 1, func(b *loop.Bell) {
		b.Ring("a")
		time.Sleep(time.Hour)
	})
	if len(at) != 8 {
		t.Fatalf("called %d times, want 8", len(at))
	}
	for i := range 6 {
		if a, b := at[i+1].Sub(at[i]), at[i+2].Sub(at[i+1]); b <= a {
			t.Errorf("pause %d is %v after %v, want longer", i+1, b, a)
		}
	}
}

func TestRetryAfterAndFinal(t *testing.T) {
	var start time.Time
	var at []time.Duration
	story(t, func(_ context.Context, id string) (time.Duration, error) {
		if id == "final" {
			return 0, prow.Final(errors.New("never"))
		}
		at = append(at, time.Since(start))
		if len(at) == 1 {
			return 0, fmt.Errorf("wrapped: %w", &prow.RetryAfter{At: start.Add(42 * time.Second), Err: errors.New("busy")})
		}
		return 0, nil
	}, 1, func(b *loop.Bell) {
		start = time.Now()
		b.Ring("a", "final")
		time.Sleep(time.Hour)
	})
	if want := []time.Duration{0, 42 * time.Second}; !slices.Equal(at, want) {
		t.Errorf("called at %v, want %v", at, want)
	}
}

func TestTheEndWaitsForWhatIsUnderWay(t *testing.T) {
	var ended atomic.Bool
	story(t, func(ctx context.Context, _ string) (time.Duration, error) {
		<-ctx.Done()
		time.Sleep(time.Second)
		ended.Store(true)
		return 0, ctx.Err()
	}, 2, func(b *loop.Bell) {
		b.Ring("a")
		synctest.Wait()
	})
	if !ended.Load() {
		t.Error("Run returned before Do did")
	}
}

func TestAWatchThatEndsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none := func(context.Context) iter.Seq[string] { return func(func(string) bool) {} }
		err := loop.Loop{Name: "x", Watch: none, Do: nil, Log: slog.New(slog.DiscardHandler)}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "x: the watch ended") {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestMergeYieldsFromAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var a, b loop.Bell
		n := 0
		net := loop.Every(func() time.Duration { return time.Minute }, func(context.Context) []string { n++; return []string{fmt.Sprint("n", n)} })
		var mu sync.Mutex
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for id := range loop.Merge(a.Watch, b.Watch, net)(ctx) {
				mu.Lock()
				got = append(got, id)
				mu.Unlock()
			}
		}()
		a.Ring("a")
		b.Ring("b")
		time.Sleep(61 * time.Second)
		cancel()
		<-done
		slices.Sort(got)
		if strings.Join(got, " ") != "a b n1 n2" {
			t.Errorf("got %v", got)
		}
	})
}

func TestMergeEndsWhenOneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a loop.Bell
		one := func(context.Context) iter.Seq[string] { return func(yield func(string) bool) { yield("x") } }
		var got []string
		for id := range loop.Merge(a.Watch, one)(t.Context()) {
			got = append(got, id)
		}
		if !slices.Equal(got, []string{"x"}) {
			t.Errorf("got %v", got)
		}
	})
}
