package tide_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/trigger"
)

// Which pull requests are tested together, by configuration.
func TestWhichBatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options string
		want    string // numbers of the set; "" is none
	}{
		"all that merge":              {"prioritize_existing_batches: {'*': false}", "1 2 3"},
		"the one that was tested":     {"priority: []", "1 2"},
		"two at most":                 {"batch_size_limit: {o/r: 2}\n  prioritize_existing_batches: {'*': false}", "1 2"},
		"none":                        {"batch_size_limit: {'*': -1}", ""},
		"the urgent first, two alone": {"batch_size_limit: {o: 2}\n  priority: [{labels: [urgent]}]\n  prioritize_existing_batches: {'*': false}", "3 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, strings.Replace(lgtmQuery, "tide:", "tide:\n  "+c.options, 1))
			ids := w.pulls("a", "b", "c")
			w.be(never)
			w.stop()
			old := w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newer\n"})
			refs := trigger.PullRefs(w.PullNow(ids[0]), old)
			refs.Pulls = append(refs.Pulls, w.PullNow(ids[1]).Ref())
			ps := w.cfg.Presubmits(w.repo)[0]
			must(t, w.db.Jobs.Create(t.Context(), trigger.BatchJob(w.cfg, &ps, refs, "earlier", time.Now(), trigger.Extra{})))
			sha := w.Commit(w.repo, "main", world.Bot, map[string]string{"README.md": "newest\n"})
			for _, id := range ids {
				w.label(id, "lgtm")
			}
			w.label(ids[2], "urgent")
			w.start()
			w.Eventually("the first is tested alone", func() bool {
				jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{BaseSHA: sha, Types: []prow.Type{prow.Presubmit}})
				must(t, err)
				return len(jobs) == 1
			})
			jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{BaseSHA: sha, Types: []prow.Type{prow.Batch}})
			must(t, err)
			var got []string
			for _, j := range jobs {
				for _, p := range j.Spec.Refs.Pulls {
					got = append(got, fmt.Sprint(p.Number))
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("tested together: %v, want %s", got, c.want)
			}
		})
	}
}

// Labels choose the method, templates write the message.
func TestHowItMerges(t *testing.T) {
	t.Parallel()
	w := open(t, strings.Replace(lgtmQuery, "tide:", `tide:
  squash_label: tide/squash
  merge_commit_template:
    o/r:
      title: "{{.Title}} (#{{.Number}}) by {{.AuthorLogin}}"
      body: "{{.GitHub.Author.Login}} to {{.BaseRefName}}"`, 1))
	id := w.pulls("a")[0]
	w.label(id, "tide/squash", "lgtm")
	w.merges(id)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Hub.API()+"/repos/o/r/commits/main", nil)
	must(t, err)
	req.Header.Set("Authorization", "token "+world.Token(world.Bot))
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	var c struct {
		Commit  struct{ Message string }
		Parents []struct{}
	}
	must(t, json.NewDecoder(resp.Body).Decode(&c))
	if want := "Change change-a (#1) by author0\n\nauthor0 to main"; c.Commit.Message != want || len(c.Parents) != 1 {
		t.Errorf("message %q with %d parents, want %q and 1", c.Commit.Message, len(c.Parents), want)
	}
}

// The jobs that a pull request brings count for it; broken ones keep it out.
func TestJobsOfItsOwn(t *testing.T) {
	t.Parallel()
	w := open(t, lgtmQuery+"in_repo_config: {enabled: {o/r: true}}\n")
	brings := w.Pull(w.repo, "alice", "brings", map[string]string{".prow.yaml": `
presubmits:
- name: fresh
  always_run: true
  agent: kubernetes
  spec: {containers: [{image: busybox, command: ["true"]}]}
`})
	broken := w.Pull(w.repo, "bob", "broken", map[string]string{".prow.yaml": "presubmits: 5\n"})
	for _, id := range []prow.IssueID{brings, broken} {
		w.test(id)
		w.tested(id)
		w.label(id, "lgtm")
	}
	w.says(brings, "Not mergeable. Job fresh has not succeeded.")
	w.Eventually("the broken one says so", func() bool {
		v := w.verdict(broken)
		return v.State == prow.CheckError && strings.HasPrefix(v.Text, "Not mergeable. Its jobs cannot be read: ") && strings.Contains(v.Text, ".prow.yaml")
	})
	t.Log(w.verdict(broken).Text)
	must(t, w.Forge().SetCheck(t.Context(), w.repo, w.PullNow(brings).HeadSHA, prow.Check{Name: "fresh", State: prow.CheckSuccess}))
	w.merges(brings) // tide tests `fresh` itself: nothing says on which base it passed
	jobs, err := w.db.Jobs.List(t.Context(), prow.JobFilter{Job: "fresh", Pull: brings.Number})
	must(t, err)
	if len(jobs) != 1 || jobs[0].Labels[prow.LabelByTide] != "true" {
		t.Errorf("%d jobs test fresh", len(jobs))
	}
}
