package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/lint"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sandbox"
)

// appWorld is a sandbox with an App, installed in accounts, whose key is in a file.
func appWorld(t *testing.T, accounts ...string) (*world.World, *App) {
	t.Helper()
	w := world.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.Users("maker")
	id, _, err := w.Hub.CreateApp(t.Context(), sandbox.AppOptions{
		Slug: "prow-app", Owner: "maker", Keys: []*rsa.PublicKey{&key.PublicKey},
		Permissions: map[string]string{"metadata": "read", "contents": "read", "pull_requests": "read", "statuses": "read", "checks": "read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		w.Org(a)
		if err := w.Hub.InstallApp(t.Context(), "prow-app", a); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return w, &App{ID: fmt.Sprint(id), Key: SecretFile(file)}
}

func private(t *testing.T, w *world.World, name string, files map[string]string) prow.Repo {
	t.Helper()
	r, err := prow.ParseRepo(name)
	if err == nil {
		err = w.Hub.CreateRepo(t.Context(), r, files, sandbox.RepoOptions{By: world.Bot, Private: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Mirrors and the clones of jobs log in as the App at the owner of each repository,
// and at no other address.
func TestAppClones(t *testing.T) {
	t.Parallel()
	w, app := appWorld(t, "acme", "bolt")
	s := &Server{o: Options{
		Data: t.TempDir(), ForgeAPI: w.Hub.API(), ForgeURL: w.URL, App: app, GitUser: "x-access-token", Log: w.Log, Now: time.Now, CloneWithToken: true,
	}}
	if err := s.reach(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"acme/pump", "bolt/nut"} {
		r := private(t, w, name, map[string]string{"README.md": name})
		sha, err := s.mirrors.Repo(r).Head(t.Context(), "main")
		if err != nil || len(sha) != 40 {
			t.Errorf("the mirror of %s: %s, %v", r, sha, err)
		}
		user, token, err := s.login()(t.Context(), w.URL+"/"+name+".git")
		if err != nil || user != "x-access-token" {
			t.Errorf("login at %s: %s, %v", name, user, err)
		}
		clone := git.Remote{URL: w.URL + "/" + name + ".git", Username: user, Token: func(context.Context) (string, error) { return token, nil }}
		other := &git.Store{Dir: t.TempDir(), Remote: func(prow.Repo) git.Remote { return clone }}
		if _, err := other.Repo(r).Head(t.Context(), "main"); err != nil {
			t.Errorf("a clone of %s: %v", name, err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
	if user, token, err := s.login()(t.Context(), "https://elsewhere.example.com/acme/pump.git"); user+token != "" || err != nil {
		t.Errorf("login elsewhere: %q, %v", user, err)
	}
	w.Org("cork")
	private(t, w, "cork/lid", map[string]string{"a": "b"})
	_, err := s.mirrors.Repo(prow.Repo{Owner: "cork", Name: "lid"}).Head(t.Context(), "main")
	if err == nil || !strings.Contains(err.Error(), "the GitHub App prow-app is not installed in cork; install it at ") {
		t.Errorf("error %v", err)
	}
}

// A pull request of a private repository is planned for as an App, with the
// repository's own jobs.
func TestPlanAsApp(t *testing.T) {
	t.Parallel()
	w, app := appWorld(t, "acme")
	r := private(t, w, "acme/pump", map[string]string{"a.go": "package a"})
	own := ".prow.yaml"
	w.Commit(r, "topic", world.Bot, map[string]string{own: "presubmits:\n- {name: mine, always_run: true, spec: {containers: [{image: x}]}}\n"})
	id, err := w.Hub.OpenPull(t.Context(), world.Bot, prow.NewPull{Repo: r, Head: "topic", Base: "main", Title: "Jobs"})
	if err != nil {
		t.Fatal(err)
	}
	o := PlanOptions{
		Pull: id.String(), ForgeAPI: w.Hub.API(), ForgeURL: w.URL, App: app, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Err: t.Output(),
		Paths: paths(t, "in_repo_config: {enabled: {acme: true}}", "plugins: {acme: [trigger]}"),
	}
	if p, err := Plan(t.Context(), o); err != nil || runs(p) != "mine" {
		t.Errorf("%+v, %v", p, err)
	}
}

// OWNERS files are looked for as the App, without a token.
func TestOwnersPresenceAsApp(t *testing.T) {
	t.Parallel()
	w, app := appWorld(t, "acme")
	private(t, w, "acme/pump", map[string]string{"README.md": "hello"})
	dir := t.TempDir()
	for name, text := range map[string]string{"config.yaml": "{}", "plugins.yaml": "plugins: {acme/pump: [approve], bolt/nut: [approve]}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Lint(t.Context(), lint.Options{
		Checks: []string{"verify-owners-presence", "validate-github-app-installation"},
		Paths:  config.Paths{Config: filepath.Join(dir, "config.yaml"), PluginConfig: filepath.Join(dir, "plugins.yaml")},
	}, LintTools{ForgeAPI: w.Hub.API(), ForgeURL: w.URL, As: app, Log: w.Log})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"acme/pump has no OWNERS at the root", "the GitHub App is not installed for bolt"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}
