package server_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/mkpj"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/server"
)

// A ProwJob made by hand has the refs that the server would give it.
func TestMake(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	repo := w.Repo("org/repo", map[string]string{"a.txt": "a\n"})
	id := w.Pull(repo, "alice", "topic", map[string]string{"b.txt": "b\n"})
	p := w.PullNow(id)
	file := filepath.Join(t.TempDir(), "config.yaml")
	const jobs = "presubmits: {org/repo: [{name: unit, spec: {containers: [{image: x}]}}]}\npostsubmits: {org/repo: [{name: publish, spec: {containers: [{image: x}]}}]}\n"
	if err := os.WriteFile(file, []byte(jobs), 0o666); err != nil {
		t.Fatal(err)
	}
	o := server.MakeOptions{Paths: config.Paths{Config: file}, Forge: server.ForgeOptions{API: w.Hub.API(), GraphQL: w.URL + "/graphql", Name: "prow-test", Log: w.Log}}
	o.Job, o.Given, o.Pods = "unit", mkpj.Given{Pull: id.Number}, true
	one := only(t, o)
	if refs := one.ProwJob.Spec.Refs; refs.BaseSHA != p.BaseSHA || refs.BaseRef != "main" || len(refs.Pulls) != 1 || refs.Pulls[0] != p.Ref() {
		t.Errorf("refs = %+v", refs)
	}
	if one.Pod == nil || one.ProwJob.Name == "" || one.Pod.Name != one.ProwJob.Name {
		t.Errorf("pod = %+v", one.Pod)
	}
	if again := only(t, o); again.ProwJob.Name == one.ProwJob.Name {
		t.Errorf("two jobs have the name %s", one.ProwJob.Name)
	}
	o.Job, o.Given, o.Pods = "publish", mkpj.Given{BaseRef: "main"}, false
	if one = only(t, o); one.ProwJob.Spec.Refs.BaseSHA != p.BaseSHA || one.Pod != nil {
		t.Errorf("refs = %+v, pod = %v", one.ProwJob.Spec.Refs, one.Pod)
	}
	o.Given.BaseRef = "absent"
	if _, err := server.Make(t.Context(), o); err == nil || !strings.Contains(err.Error(), "branch absent of org/repo") {
		t.Errorf("error is %v", err)
	}
}

func only(t *testing.T, o server.MakeOptions) mkpj.Row {
	t.Helper()
	rows, err := server.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	list := slices.Collect(rows)
	if len(list) != 1 {
		t.Fatalf("%d rows", len(list))
	}
	return list[0]
}
