package sqlite_test

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest"
)

// alter makes a store, closes it, and runs a statement on the file.
func alter(t *testing.T, statement string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	if err := openAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	return path
}

var odd = []string{"'; DROP TABLE jobs; --", "a b", "ü☃\U0001F642", "%_*?[x]", "\x1b[31m<b>&\"`|\n\t", strings.Repeat("long", 5000), "0", "null"}

func TestAnyTextIsKeptAndFound(t *testing.T) {
	t.Parallel()
	db := open(t)
	for i, text := range odd {
		j := prowtest.Job(text, func(j *prow.Job) {
			j.Labels[text] = text
			j.Spec.Job, j.Spec.Cluster, j.Spec.JobQueueName, j.Status.BuildID = text, text, text, text
			j.Spec.Refs.Org, j.Spec.Refs.Repo, j.Spec.Refs.BaseRef, j.Spec.Refs.BaseSHA = text, text, text, text
			j.Spec.Refs.Pulls[0].Author, j.Spec.Refs.Pulls[0].SHA = text, text
		})
		if err := db.Jobs.Create(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if err := db.Memory.Save(t.Context(), text, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if _, err := db.Jobs.Update(t.Context(), text, func(j *prow.Job) error { j.Labels["more"] = text; return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, text := range odd {
		filters := map[string]prow.JobFilter{
			"label": {Labels: map[string]string{text: text}}, "cluster": {Cluster: text}, "queue": {Queue: text}, "build": {BuildID: text},
			"repo": {Repo: prow.Repo{Owner: text, Name: text}}, "base": {Base: text}, "base sha": {BaseSHA: text},
			"author": {Author: text}, "head": {SHA: text},
		}
		if !strings.Contains(text, "*") {
			filters["job"] = prow.JobFilter{Job: text}
			if len(text) < 1000 {
				filters["job pattern"] = prow.JobFilter{Job: "*" + text}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(filters)) {
			jobs, err := db.Jobs.List(t.Context(), filters[name])
			if err != nil || len(jobs) != 1 || jobs[0].Name != text {
				t.Errorf("%s %.20q: %d jobs, %v", name, text, len(jobs), err)
			}
		}
		if n, err := db.Jobs.Count(t.Context(), prow.JobFilter{Labels: map[string]string{"more": text}}); err != nil || n[prow.Triggered] != (i+1)%2 {
			t.Errorf("label more %.20q: %v, %v", text, n, err)
		}
		if b, err := db.Memory.Load(t.Context(), text); err != nil || string(b) != text {
			t.Errorf("memory %.20q: %.20q, %v", text, b, err)
		}
		if err := db.Jobs.Delete(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		if jobs, err := db.Jobs.List(t.Context(), prow.JobFilter{Labels: map[string]string{text: text}}); err != nil || len(jobs) != 0 {
			t.Errorf("label %.20q after Delete: %d jobs, %v", text, len(jobs), err)
		}
	}
	if n, err := db.Jobs.Count(t.Context(), prow.JobFilter{}); err != nil || len(n) != 0 {
		t.Errorf("counts after all is deleted: %v, %v", n, err)
	}
}

func TestAnEmptyValueIsAValue(t *testing.T) {
	t.Parallel()
	db := open(t)
	if err := db.Memory.Save(t.Context(), "a", []byte{}); err != nil {
		t.Fatal(err)
	}
	if b, err := db.Memory.Load(t.Context(), "a"); err != nil || len(b) != 0 {
		t.Errorf("Load = %q, %v", b, err)
	}
	fresh, err := db.Inbox.Accept(t.Context(), &prow.Delivery{ID: "d", Event: "ping"})
	if err != nil || !fresh {
		t.Errorf("Accept of an empty delivery = %v, %v", fresh, err)
	}
}

// Counts from the kept table and from the jobs themselves are the same, whatever
// happened.
func TestCountsAgreeWithLists(t *testing.T) {
	t.Parallel()
	db := open(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				id := fmt.Sprint(w, "-", i)
				if err := db.Jobs.Create(t.Context(), prowtest.Job(id, func(j *prow.Job) { j.Spec.Hidden = i%5 == 0; j.Spec.Job = fmt.Sprint("n", i%3) })); err != nil {
					t.Error(err)
				}
				for _, to := range []prow.State{prow.Pending, prow.Success}[:i%3] {
					if _, err := db.Jobs.Update(t.Context(), id, func(j *prow.Job) error { return j.Advance(to, prowtest.Epoch, "") }); err != nil {
						t.Error(err)
					}
				}
				if i%4 == 0 {
					if err := db.Jobs.Delete(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, f := range []prow.JobFilter{{}, {Visible: true}, {Job: "n1"}, {Job: "n*"}, {Repo: prow.Repo{Owner: "o", Name: "r"}}, {States: []prow.State{prow.Success, prow.Pending}}, {Pull: 5}} {
		jobs, err := db.Jobs.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		want := map[prow.State]int{}
		for _, j := range jobs {
			want[j.Status.State]++
		}
		if got, err := db.Jobs.Count(t.Context(), f); err != nil || !maps.Equal(got, want) {
			t.Errorf("Count(%+v) = %v, %v; the list has %v", f, got, err, want)
		}
	}
}
