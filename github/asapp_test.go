package github_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sandbox"
)

// appKey is one key for all tests: making one takes long.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// appRights are what the docs tell people to give the App.
func appRights() map[string]string {
	return map[string]string{
		"metadata": "read", "actions": "write", "checks": "write", "contents": "write", "issues": "write", "members": "read",
		"pull_requests": "write", "statuses": "write",
	}
}

const slug = "prow-app"

// asApp is an App in a sandbox: its client, what was asked of GitHub, and the key
// that is in its file.
type asApp struct {
	*world.World
	*github.Forge
	t     *testing.T
	id    int64
	key   atomic.Pointer[string]
	off   atomic.Int64 // how far the client's clock is ahead
	asked atomic.Int64 // tokens of installations given out
	apart http.RoundTripper
}

func (a *asApp) do(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// RoundTrip counts.
func (a *asApp) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.apart.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusCreated && strings.HasSuffix(r.URL.Path, "/access_tokens") {
		a.asked.Add(1)
	}
	return resp, err
}

func (a *asApp) now() time.Time { return time.Now().Add(time.Duration(a.off.Load())) }

// newAsApp installs an App with rights in each of the accounts.
func newAsApp(t *testing.T, w *world.World, rights map[string]string, accounts ...string) *asApp {
	t.Helper()
	key, err := appKey()
	if err != nil {
		t.Fatal(err)
	}
	a := &asApp{World: w, t: t, apart: http.DefaultTransport}
	a.setKey(key)
	w.Users("maker")
	var client string
	a.id, client, err = w.Hub.CreateApp(t.Context(), sandbox.AppOptions{Slug: slug, Owner: "maker", Permissions: rights, Keys: []*rsa.PublicKey{&key.PublicKey}})
	a.do(err)
	for _, org := range accounts {
		a.do(w.Hub.InstallApp(t.Context(), slug, org))
	}
	a.Forge = a.client(client)
	return a
}

func (a *asApp) setKey(k *rsa.PrivateKey) {
	text := pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k))
	a.key.Store(&text)
}

func (a *asApp) client(id string) *github.Forge {
	a.t.Helper()
	f, err := github.New(github.Options{
		BaseURL: a.Hub.API(), Client: &http.Client{Transport: a}, Log: a.Log, Now: a.now,
		App: &github.App{ID: id, Key: func(context.Context) (string, error) { return *a.key.Load(), nil }},
	})
	a.do(err)
	return f
}

// fails tells whether err says each of words and nothing of a key.
func (a *asApp) fails(err error, words ...string) {
	a.t.Helper()
	if err == nil {
		a.t.Fatalf("no error; want %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			a.t.Errorf("error %q; want %q in it", err, w)
		}
	}
	for line := range strings.Lines(*a.key.Load()) {
		if strings.Contains(err.Error(), strings.TrimSpace(line)) {
			a.t.Errorf("error %q holds key material", err)
		}
	}
}

// The port's promises, kept as an App with the permissions that the docs name, over
// a wire that fails, with tokens that end before their time.
func TestForgeAsApp(t *testing.T) {
	t.Parallel()
	prowtest.Forge(t, func(t *testing.T) *prowtest.ForgeWorld {
		w := world.New(t, world.Faults(t, "* * 502 0.02", "* * cut 0.02"))
		fw := forgeWorld(t, w)
		a := newAsApp(t, w, appRights(), "acme")
		a.apart = &worn{uses: map[string]int{}}
		say := fw.Say
		fw.Forge, fw.Self, fw.Login = a.Forge, slug, slug+"[bot]"
		fw.Say = func(t *testing.T, by string, id prow.IssueID, body string) int64 {
			if by != slug {
				return say(t, by, id, body)
			}
			a.do(a.Comment(t.Context(), id, "another", body))
			return 0
		}
		return fw
	})
}

// worn takes each token forty times only.
type worn struct {
	mu   sync.Mutex
	uses map[string]int
}

func (w *worn) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	token := r.Header.Get("Authorization")
	w.uses[token]++
	over := w.uses[token] > 40
	w.mu.Unlock()
	if !over {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{
		StatusCode: http.StatusUnauthorized, Status: "401 Unauthorized", Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"message": "Bad credentials"}`)), Request: r,
	}, nil
}

// Each permission is there for something: without it, that is refused.
func TestAppPermissions(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Repo("acme/pump", map[string]string{"README.md": "A pump.\n"})
	pull := w.Pull(r, "ann", "topic", map[string]string{"b": "2"})
	issue := w.Issue(r, "ann", "It leaks", "")
	w.Users("mia")
	a := newAsApp(t, w, appRights(), "acme")
	a.do(w.Hub.AddTeam(t.Context(), "acme", "pumpers", "mia"))
	a.do(w.Hub.AddCollaborator(t.Context(), r, "mia", "write"))
	p := w.PullNow(pull)
	for right, does := range map[string]func(ctx context.Context, f *github.Forge) error{
		"checks": func(ctx context.Context, f *github.Forge) error {
			return f.SetCheck(ctx, r, p.HeadSHA, prow.Check{Name: "unit", State: prow.CheckSuccess, IsRun: true})
		},
		"statuses": func(ctx context.Context, f *github.Forge) error {
			return f.SetCheck(ctx, r, p.HeadSHA, prow.Check{Name: "unit", State: prow.CheckSuccess})
		},
		"contents": func(ctx context.Context, f *github.Forge) error { _, err := f.Branch(ctx, r, "main"); return err },
		"issues":   func(ctx context.Context, f *github.Forge) error { return f.Comment(ctx, issue, "key", "text") },
		"members":  func(ctx context.Context, f *github.Forge) error { _, err := f.Team(ctx, "acme", "pumpers"); return err },
		"pull_requests": func(ctx context.Context, f *github.Forge) error {
			return f.AskReview(ctx, pull, "mia")
		},
		"actions": func(ctx context.Context, f *github.Forge) error {
			_, err := f.WorkflowRuns(ctx, r, p.HeadSHA)
			return err
		},
	} {
		rights := appRights()
		delete(rights, right)
		for _, c := range []struct {
			rights map[string]string
			ok     bool
		}{{rights, false}, {appRights(), true}} {
			_, _, err := w.Hub.CreateApp(t.Context(), sandbox.AppOptions{Slug: slug, Owner: "maker", Permissions: c.rights, Keys: a.public()})
			a.do(err)
			a.do(w.Hub.UninstallApp(t.Context(), slug, "acme"))
			a.do(w.Hub.InstallApp(t.Context(), slug, "acme"))
			switch err := does(t.Context(), a.client(fmt.Sprint(a.id))); {
			case c.ok && err != nil:
				t.Errorf("with %s: %v", right, err)
			case !c.ok && (!errors.Is(err, prow.ErrForbidden) || !strings.Contains(err.Error(), right+"=")):
				t.Errorf("without %s: %v", right, err)
			}
		}
	}
}

func (a *asApp) public() []*rsa.PublicKey {
	key, err := appKey()
	a.do(err)
	return []*rsa.PublicKey{&key.PublicKey}
}

// However many ask at once, an installation's token is fetched once, and replaced
// five minutes before its end; each owner has its own, and its own budget.
func TestInstallationTokens(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	one, two := w.Repo("acme/pump", map[string]string{"a": "1"}), w.Repo("bolt/nut", map[string]string{"a": "1"})
	a := newAsApp(t, w, appRights(), "acme", "bolt")
	read := func() {
		t.Helper()
		var g sync.WaitGroup
		for n := range 40 {
			g.Go(func() {
				if _, err := a.Repository(t.Context(), []prow.Repo{one, two, {Owner: "ACME", Name: "pump"}}[n%3]); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
	}
	read()
	if n := a.asked.Load(); n != 2 {
		t.Errorf("%d tokens fetched; want 2", n)
	}
	a.off.Store(int64(54 * time.Minute))
	read()
	if n := a.asked.Load(); n != 2 {
		t.Errorf("%d tokens fetched before their time; want 2", n)
	}
	a.off.Store(int64(56 * time.Minute))
	read()
	if n := a.asked.Load(); n != 4 {
		t.Errorf("%d tokens fetched; want 4", n)
	}
	var owners []string
	for _, b := range a.Budget() {
		owners = append(owners, b.Owner+" "+b.Resource)
	}
	if want := []string{"(app) core", "acme core", "bolt core"}; !slices.Equal(owners, want) {
		t.Errorf("budgets of %q; want %q", owners, want)
	}
}

// A search asks each owner's installation; one without the App does not hide the
// others, and is told at the end.
func TestSearchAsApp(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	var want []string
	for _, name := range []string{"acme/pump", "bolt/nut", "cork/lid"} {
		id := w.Pull(w.Repo(name, map[string]string{"a": "1"}), "ann", "topic", map[string]string{"b": "2"})
		want = append(want, id.String())
	}
	a := newAsApp(t, w, appRights(), "acme", "cork")
	find := func(q prow.Query) (got []string, err error) {
		for p, e := range a.FindPulls(t.Context(), q) {
			if e != nil {
				err = e
				continue
			}
			got = append(got, p.ID.String())
		}
		return got, err
	}
	got, err := find(prow.Query{Orgs: []string{"acme"}, Repos: []string{"bolt/nut", "cork/lid"}, ExcludedRepos: []string{"acme/other"}})
	if all := []string{want[0], want[2]}; !slices.Equal(got, all) {
		t.Errorf("found %q; want %q", got, all)
	}
	a.fails(err, "is not installed in bolt", "/apps/prow-app/installations/new")
	if got, err = find(prow.Query{}); err != nil || len(got) != 2 {
		t.Errorf("without owners found %q, %v; want two", got, err)
	}
}

// What goes wrong with an App is repaired without losing a request, or said in one
// sentence.
func TestAppFaults(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, rights map[string]string, accounts ...string) (*asApp, prow.Repo) {
		w := world.New(t)
		r := w.Repo("acme/pump", map[string]string{"a": "1"})
		w.Repo("bolt/nut", nil)
		w.Issue(r, "ann", "It leaks", "")
		return newAsApp(t, w, rights, accounts...), r
	}
	say := func(a *asApp, r prow.Repo, text string) error {
		return a.Comment(a.t.Context(), prow.IssueID{Repo: r, Number: 1}, text, text)
	}
	for _, c := range []struct {
		name string
		test func(t *testing.T, a *asApp, r prow.Repo)
	}{
		{"a token that ends in the middle is replaced, and the write is made once", func(t *testing.T, a *asApp, r prow.Repo) {
			a.do(say(a, r, "one"))
			a.do(a.Hub.EndTokens(t.Context(), slug, "acme"))
			a.do(say(a, r, "two"))
			all, err := a.Comments(t.Context(), prow.IssueID{Repo: r, Number: 1})
			a.do(err)
			if len(all) != 2 || all[1].Author != slug+"[bot]" {
				t.Errorf("comments %+v", all)
			}
		}},
		{"a comment is edited, not repeated, and a person of that name has none", func(t *testing.T, a *asApp, r prow.Repo) {
			id := prow.IssueID{Repo: r, Number: 1}
			a.do(a.As(slug).Comment(t.Context(), id, "key", "a person's"))
			a.do(a.Comment(t.Context(), id, "key", "first"))
			a.do(a.Comment(t.Context(), id, "key", "second"))
			all, err := a.Comments(t.Context(), id)
			a.do(err)
			if len(all) != 2 || !strings.Contains(all[0].Body, "a person's") || !strings.Contains(all[1].Body, "second") {
				t.Errorf("comments %+v", all)
			}
		}},
		{"a key that was replaced is read again", func(t *testing.T, a *asApp, r prow.Repo) {
			a.do(say(a, r, "one"))
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			a.do(err)
			a.do(a.Hub.SetAppKeys(t.Context(), slug, &key.PublicKey))
			a.do(say(a, r, "the token is still good"))
			a.do(a.Hub.EndTokens(t.Context(), slug, "acme"))
			a.fails(say(a, r, "two"), "GitHub does not know us as the App", "Is the App id right, and the private key one of that App")
			a.setKey(key)
			a.off.Store(int64(2 * time.Minute))
			a.do(say(a, r, "three"))
		}},
		{"a clock that is off is corrected by GitHub's", func(t *testing.T, a *asApp, r prow.Repo) {
			for _, off := range []time.Duration{25 * time.Minute, -25 * time.Minute} {
				a.off.Store(int64(off))
				f := a.client(fmt.Sprint(a.id))
				a.do(f.Comment(t.Context(), prow.IssueID{Repo: r, Number: 1}, "key", off.String()))
			}
		}},
		{"an App that is suspended says so, and works again", func(t *testing.T, a *asApp, r prow.Repo) {
			a.do(say(a, r, "one"))
			a.do(a.Hub.SuspendApp(t.Context(), slug, "acme", true))
			for range 3 {
				a.fails(say(a, r, "two"), "the GitHub App prow-app is suspended in acme")
			}
			a.do(a.Hub.SuspendApp(t.Context(), slug, "acme", false))
			a.off.Store(int64(2 * time.Minute))
			a.do(say(a, r, "three"))
		}},
		{"an App that is removed says where to install it, and hears when it is", func(t *testing.T, a *asApp, r prow.Repo) {
			a.do(say(a, r, "one"))
			a.do(a.Hub.UninstallApp(t.Context(), slug, "acme"))
			err := say(a, r, "two")
			a.fails(err, "the GitHub App prow-app is not installed in acme; install it at", "/apps/prow-app/installations/new")
			if !errors.Is(err, prow.ErrForbidden) {
				t.Errorf("%v is not ErrForbidden", err)
			}
			a.do(a.Hub.InstallApp(t.Context(), slug, "acme"))
			a.fails(say(a, r, "believed for a while"), "is not installed")
			_, err = a.ParseEvents("installation", "1", []byte(`{"action": "created", "installation": {"account": {"login": "Acme"}}}`))
			a.do(err)
			a.do(say(a, r, "three"))
		}},
		{"an organisation without the App is named, and asked about once", func(t *testing.T, a *asApp, _ prow.Repo) {
			for range 3 {
				_, err := a.Repository(t.Context(), prow.Repo{Owner: "bolt", Name: "nut"})
				a.fails(err, "the GitHub App prow-app is not installed in bolt")
			}
			if n := a.asked.Load(); n != 0 {
				t.Errorf("%d tokens were asked for", n)
			}
		}},
		{"a fault of GitHub's does not take away a token that is good", func(t *testing.T, a *asApp, r prow.Repo) {
			a.do(say(a, r, "one"))
			fault, err := sandbox.ParseFault("POST /app/* 422")
			a.do(err)
			a.Hub.SetFaults(fault)
			a.off.Store(int64(57 * time.Minute))
			a.do(say(a, r, "two"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, r := start(t, appRights(), "acme")
			c.test(t, a, r)
		})
	}
	t.Run("a permission that lacks is named", func(t *testing.T) {
		t.Parallel()
		a, r := start(t, map[string]string{"metadata": "read", "issues": "read"}, "acme")
		a.fails(say(a, r, "one"), "Resource not accessible by integration", "It takes the permission issues=write; give it in the settings of the App")
	})
	t.Run("an id that is no App's is said so", func(t *testing.T) {
		t.Parallel()
		a, r := start(t, appRights(), "acme")
		a.Forge = a.client("4711")
		a.fails(say(a, r, "one"), `GitHub does not know us as the App "4711"`, "Integration not found")
		_, err := a.Self(t.Context())
		a.fails(err, `as the App "4711"`)
	})
}
