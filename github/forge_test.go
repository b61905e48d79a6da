package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/world"
)

// The port's promises, kept over the wire.
func TestForge(t *testing.T) {
	t.Parallel()
	prowtest.Forge(t, func(t *testing.T) *prowtest.ForgeWorld { return forgeWorld(t, world.New(t)) })
}

// And over a bad wire: a failing server, connections cut before the request was
// heard, and answers that are lost.
func TestForgeOnABadWire(t *testing.T) {
	t.Parallel()
	prowtest.Forge(t, func(t *testing.T) *prowtest.ForgeWorld {
		w := world.New(t, world.Faults(t, "* * 502 0.03", "* * cut 0.03"))
		f, err := github.New(github.Options{
			BaseURL: w.Hub.API(), Client: &http.Client{Transport: lossy{}},
			Token: func(context.Context) (string, error) { return world.Token(world.Bot), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		fw := forgeWorld(t, w)
		fw.Forge = f
		return fw
	})
}

// lossy loses one answer in twenty.
type lossy struct{}

func (lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && rand.IntN(20) == 0 {
		resp.Body.Close()
		return nil, errors.New("the connection was reset")
	}
	return resp, err
}

func forgeWorld(t *testing.T, w *world.World) *prowtest.ForgeWorld {
	w.Org("acme", "mia")
	r := w.Repo("acme/pump", map[string]string{"README.md": "A pump.\n"})
	w.Users("ann", "stranger")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	do(w.Hub.AddTeam(ctx, "acme", "pumpers", "mia"))
	call(t, w, world.Bot, "PUT", "/orgs/acme/teams/pumpers/repos/"+r.String(), `{"permission":"push"}`)
	do(w.Hub.AddCollaborator(ctx, r, "mia", "write"))
	branches := 0
	heads := map[prow.IssueID]string{}
	return &prowtest.ForgeWorld{
		Forge: w.Forge(), Self: world.Bot, Repo: r,
		Member: "mia", Team: "pumpers", Author: "ann", Stranger: "stranger",
		As:        func(_ *testing.T, login string) prow.Forge { return w.As(login) },
		Label:     func(t *testing.T, name string) { do(w.Hub.AddLabels(ctx, r, name)) },
		Milestone: func(t *testing.T, title string) { do(w.Hub.AddMilestone(ctx, r, title)) },
		OpenPull: func(t *testing.T, title string, files map[string]string) prow.IssueID {
			branches++
			branch := fmt.Sprint("topic-", branches)
			id := w.Pull(r, "ann", branch, files)
			do(w.As("ann").Edit(ctx, id, prow.Edit{Title: &title}))
			heads[id] = branch
			return id
		},
		Push: func(_ *testing.T, id prow.IssueID, files map[string]string) {
			w.Commit(prow.Repo{Owner: "ann", Name: r.Name}, heads[id], "ann", files)
		},
		PushBase:  func(_ *testing.T, files map[string]string) { w.Commit(r, "main", world.Bot, files) },
		Branch:    func(_ *testing.T, name string, files map[string]string) { w.Commit(r, name, world.Bot, files) },
		OpenIssue: func(_ *testing.T, by, title, body string) prow.IssueID { return w.Issue(r, by, title, body) },
		Say: func(t *testing.T, by string, id prow.IssueID, body string) int64 {
			text, _ := json.Marshal(map[string]string{"body": body})
			var made struct{ ID int64 }
			do(json.Unmarshal(call(t, w, by, "POST", fmt.Sprintf("/repos/%s/issues/%d/comments", id.Repo, id.Number), string(text)), &made))
			return made.ID
		},
		Review: func(_ *testing.T, by string, id prow.IssueID, state prow.ReviewState, body string) {
			event := map[prow.ReviewState]string{prow.ReviewApproved: "APPROVE", prow.ReviewChanges: "REQUEST_CHANGES", prow.ReviewComment: "COMMENT"}
			w.Review(id, by, event[state], body)
		},
		CheckRun: func(t *testing.T, sha, name, conclusion string) {
			body := map[string]string{"name": name, "head_sha": sha, "status": "in_progress"}
			if conclusion != "" {
				body["status"], body["conclusion"] = "completed", conclusion
			}
			text, _ := json.Marshal(body)
			call(t, w, world.Bot, "POST", "/repos/"+r.String()+"/check-runs", string(text))
		},
		Workflow: func(t *testing.T, sha, name, event, conclusion string) {
			_, err := w.Hub.RunWorkflow(ctx, r, "ann", sha, prow.WorkflowRun{Name: name, Event: event, Conclusion: conclusion})
			do(err)
		},
		Statuses: func(t *testing.T, sha, context string) (n int) {
			var all []struct{ Context string }
			do(json.Unmarshal(call(t, w, world.Bot, "GET", "/repos/"+r.String()+"/commits/"+sha+"/statuses?per_page=100", ""), &all))
			for _, s := range all {
				if s.Context == context {
					n++
				}
			}
			return n
		},
	}
}

// call speaks to the sandbox without our client.
func call(t *testing.T, w *world.World, login, method, path, body string) []byte {
	t.Helper()
	for {
		if text, ok := callOnce(t, w, login, method, path, body); ok {
			return text
		}
	}
}

// callOnce reports false if the wire was bad.
func callOnce(t *testing.T, w *world.World, login, method, path, body string) ([]byte, bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.Hub.API()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+world.Token(login))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, false
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil || resp.StatusCode == http.StatusBadGateway {
		return nil, false
	}
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s", method, path, resp.Status, text.String())
	}
	return text.Bytes(), true
}
