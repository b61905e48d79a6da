package prowtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	prow "github.com/prow-ci/prow"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Jobs tests a job store. open returns an empty one.
func Jobs(t *testing.T, open func(t *testing.T) prow.Jobs) {
	t.Run("creating twice is creating once", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		for i := range 2 {
			j := Job("a", func(j *prow.Job) { j.Spec.MaxConcurrency = i })
			if err := s.Create(ctx, j); err != nil {
				t.Fatal(err)
			}
		}
		all := must[[]*prow.Job](t)(s.List(ctx, prow.JobFilter{}))
		if len(all) != 1 || all[0].Spec.MaxConcurrency != 0 {
			t.Fatalf("List = %v; want the first alone", all)
		}
	})
	t.Run("what goes in comes out", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		in := Job("a", func(j *prow.Job) {
			j.Annotations = map[string]string{prow.AnnotationJob: "unit"}
			j.Spec.DecorationConfig = &prow.DecorationConfig{Timeout: &prow.Duration{Duration: time.Hour}}
			j.Status.PrevReportStates = map[string]prow.State{"github-reporter": prow.Triggered}
		})
		if err := s.Create(ctx, in); err != nil {
			t.Fatal(err)
		}
		out := must[*prow.Job](t)(s.Get(ctx, "a"))
		if out.CreationTimestamp.IsZero() {
			t.Error("Create did not set the CreationTimestamp")
		}
		if d := cmp.Diff(in.Spec, out.Spec); d != "" {
			t.Errorf("spec changed: %s", d)
		}
		if d := cmp.Diff(in.Status, out.Status); d != "" {
			t.Errorf("status changed: %s", d)
		}
		if d := cmp.Diff(in.Annotations, out.Annotations); d != "" {
			t.Errorf("annotations changed: %s", d)
		}
	})
	t.Run("a failed change changes nothing", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		if err := s.Create(ctx, Job("a")); err != nil {
			t.Fatal(err)
		}
		_, err := s.Update(ctx, "a", func(j *prow.Job) error {
			j.Spec.Job = "changed"
			return j.Advance(prow.Success, time.Now(), "no such arrow")
		})
		if err == nil {
			t.Fatal("triggered went to success")
		}
		if j := must[*prow.Job](t)(s.Get(ctx, "a")); j.Spec.Job != "unit" || j.Status.State != prow.Triggered {
			t.Fatalf("Get = %+v; want it unchanged", j)
		}
		if _, err := s.Update(ctx, "a", func(j *prow.Job) error { j.Spec.Job = "x"; return prow.ErrUnchanged }); err != nil {
			t.Fatalf("ErrUnchanged came out as %v", err)
		}
		if j := must[*prow.Job](t)(s.Get(ctx, "a")); j.Spec.Job != "unit" {
			t.Fatal("ErrUnchanged wrote")
		}
	})
	t.Run("what is absent does not exist", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		_, err := s.Get(ctx, "none")
		absent(t, "Get", err)
		_, err = s.Update(ctx, "none", func(*prow.Job) error { return nil })
		absent(t, "Update", err)
		if err := s.Delete(ctx, "none"); err != nil {
			t.Errorf("Delete of what is absent = %v", err)
		}
	})
	t.Run("writers do not overwrite each other", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		if err := s.Create(ctx, Job("a")); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				_, err := s.Update(ctx, "a", func(j *prow.Job) error {
					if j.Status.PrevReportStates == nil {
						j.Status.PrevReportStates = map[string]prow.State{}
					}
					j.Status.PrevReportStates[fmt.Sprint(i)] = prow.Pending
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if j := must[*prow.Job](t)(s.Get(ctx, "a")); len(j.Status.PrevReportStates) != 20 {
			t.Fatalf("%d of 20 writes survived", len(j.Status.PrevReportStates))
		}
	})
	t.Run("jobs handed out are the caller's", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		if err := s.Create(ctx, Job("a")); err != nil {
			t.Fatal(err)
		}
		must[*prow.Job](t)(s.Get(ctx, "a")).Spec.Refs.Pulls[0].Number = 99
		must[[]*prow.Job](t)(s.List(ctx, prow.JobFilter{}))[0].Labels["x"] = "y"
		if j := must[*prow.Job](t)(s.Get(ctx, "a")); j.Spec.Refs.Pulls[0].Number != 5 || j.Labels["x"] != "" {
			t.Fatal("a change outside reached the store")
		}
	})
	t.Run("filters", func(t *testing.T) { jobFilters(t, open(t)) })
	t.Run("watch tells of each change", func(t *testing.T) {
		s, ctx := open(t), t.Context()
		if err := s.Create(ctx, Job("before")); err != nil {
			t.Fatal(err)
		}
		saw := seen(t, func(ctx context.Context) func(func(string) bool) { return s.Watch(ctx) })
		eventually(t, "what exists is yielded", func() bool { return saw("before") })
		if err := s.Create(ctx, Job("a")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a creation is yielded", func() bool { return saw("a") })
		for saw("a") {
		}
		must[*prow.Job](t)(s.Update(ctx, "a", func(j *prow.Job) error { return j.Advance(prow.Pending, Epoch, "started") }))
		eventually(t, "a change is yielded", func() bool { return saw("a") })
		for saw("a") {
		}
		if err := s.Delete(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a deletion is yielded", func() bool { return saw("a") })
	})
}

func jobFilters(t *testing.T, s prow.Jobs) {
	ctx := t.Context()
	yes, no := true, false
	done := func(j *prow.Job) {
		at := metav1.NewTime(Epoch)
		j.Status.State, j.Status.CompletionTime = prow.Success, &at
	}
	for _, j := range []*prow.Job{
		Job("a"),
		Job("b", done, func(j *prow.Job) { j.Spec.Refs.Pulls[0].SHA = "h2"; j.Status.BuildID = "77" }),
		Job("c", func(j *prow.Job) {
			j.Spec.Refs.Pulls[0].Number, j.Spec.Refs.Pulls[0].Author = 6, "bob"
			j.Labels["k"] = "v"
		}),
		Job("d", func(j *prow.Job) { j.Spec.Type, j.Spec.Job, j.Spec.Refs.Pulls = prow.Postsubmit, "push", nil }),
		Job("e", done, func(j *prow.Job) {
			j.Spec.Type, j.Spec.Job, j.Spec.Refs = prow.Periodic, "nightly", nil
			j.Spec.ExtraRefs = []prow.Refs{{Org: "o", Repo: "other", BaseRef: "main"}}
		}),
		Job("f", func(j *prow.Job) { j.Spec.Refs.BaseRef = "release"; j.Spec.Hidden = true }),
		Job("g", func(j *prow.Job) {
			j.Spec.Type = prow.Batch
			j.Spec.Refs.Pulls = []prow.PullRef{{Number: 5, Author: "alice", SHA: "h1"}, {Number: 6, Author: "bob", SHA: "h9"}}
		}),
	} {
		if err := s.Create(ctx, j); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		f    prow.JobFilter
		want []string
	}{
		{"nothing asked", prow.JobFilter{}, []string{"g", "f", "e", "d", "c", "b", "a"}},
		{"types", prow.JobFilter{Types: []prow.Type{prow.Batch, prow.Periodic}}, []string{"g", "e"}},
		{"states", prow.JobFilter{States: []prow.State{prow.Success}}, []string{"e", "b"}},
		{"complete", prow.JobFilter{Complete: &yes}, []string{"e", "b"}},
		{"incomplete", prow.JobFilter{Complete: &no, Job: "unit", Base: "main"}, []string{"g", "c", "a"}},
		{"job", prow.JobFilter{Job: "nightly"}, []string{"e"}},
		{"job pattern", prow.JobFilter{Job: "n*ly"}, []string{"e"}},
		{"repo", prow.JobFilter{Repo: prow.Repo{Owner: "o", Name: "r"}, Types: []prow.Type{prow.Postsubmit}}, []string{"d"}},
		{"repo of extra refs", prow.JobFilter{Repo: prow.Repo{Owner: "o", Name: "other"}}, []string{"e"}},
		{"owner", prow.JobFilter{Repo: prow.Repo{Owner: "o"}, Limit: 2}, []string{"g", "f"}},
		{"base", prow.JobFilter{Base: "release"}, []string{"f"}},
		{"pull", prow.JobFilter{Pull: 6}, []string{"g", "c"}},
		{"head", prow.JobFilter{SHA: "h1"}, []string{"g", "f", "c", "a"}},
		{"author", prow.JobFilter{Author: "bob"}, []string{"g", "c"}},
		{"labels", prow.JobFilter{Labels: map[string]string{"k": "v"}}, []string{"c"}},
		{"build", prow.JobFilter{BuildID: "77"}, []string{"b"}},
		{"until", prow.JobFilter{Until: time.Now().Add(-time.Hour)}, []string{}},
		{"since and until", prow.JobFilter{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Job: "push"}, []string{"d"}},
		{"visible", prow.JobFilter{Visible: true, Limit: 1, Before: "g"}, []string{"e"}},
		{"page", prow.JobFilter{Limit: 2, Before: "e"}, []string{"d", "c"}},
		{"last page", prow.JobFilter{Limit: 9, Before: "b"}, []string{"a"}},
		{"nothing found", prow.JobFilter{Job: "%"}, []string{}},
	} {
		if got := ids(must[[]*prow.Job](t)(s.List(ctx, c.f))); !slices.Equal(got, c.want) {
			t.Errorf("%s: List(%+v) = %v, want %v", c.name, c.f, got, c.want)
		}
	}
	if n := must[map[prow.State]int](t)(s.Count(ctx, prow.JobFilter{Visible: true, Limit: 1})); n[prow.Success] != 2 || n[prow.Triggered] != 4 {
		t.Errorf("Count = %v, want 2 success and 4 triggered", n)
	}
	if _, err := s.List(ctx, prow.JobFilter{Before: "gone"}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a page after a deleted job: %v; want the first page or none, not an error", err)
	}
}
