package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/lint"
	"github.com/prow-ci/prow/prowtest/world"
)

// This project's own jobs are sound.
func TestOwnJobs(t *testing.T) {
	t.Parallel()
	checks, err := lint.Selection{}.Select()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Lint(t.Context(), lint.Options{
		Checks: checks, InRepo: prow.Repo{Owner: "prow-ci", Name: "prow"}, Tree: os.DirFS(".."), Root: "..",
	}, LintTools{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) > 0 || r.Jobs == 0 {
		t.Errorf("%d jobs: %+v", r.Jobs, r.Findings)
	}
}

// The forge is asked for the OWNERS files of what the plugins serve.
func TestOwnersPresence(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Repo("org/good", map[string]string{"OWNERS": "approvers: [alice]"})
	w.Repo("org/bad", map[string]string{"docs/OWNERS": "approvers: [alice]"})
	w.Repo("org/out", map[string]string{"README.md": "hello"})
	w.Repo("other/named", map[string]string{"OWNERS_FILE": "approvers: [alice]"})
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	o := lint.Options{
		Checks: []string{"verify-owners-presence"},
		Paths: config.Paths{Config: write("config.yaml", "{}"), PluginConfig: write("plugins.yaml", `
plugins:
  org:
    plugins: [approve]
    excluded_repos: [out]
  other/named:
    plugins: [owners-label]
  other/absent:
    plugins: [approve]
owners:
  filenames:
    other/named: {owners: OWNERS_FILE}
`)},
	}
	r, err := Lint(t.Context(), o, LintTools{
		ForgeAPI: w.Hub.API(), ForgeGraphQL: w.URL + "/graphql", ForgeURL: w.URL, Log: w.Log,
		Token: func(context.Context) (string, error) { return world.Token(world.Bot), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"plugins.yaml:4:15: warning: plugins.org.plugins[0]: approve reads OWNERS files, but org/bad has no OWNERS at the root",
		"not done: verify-owners-presence: other/absent cannot be looked at",
		"1 warning in",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

// With credentials of a GitHub App, it is asked where it is installed.
func TestAppInstallation(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"account": {"login": "here"}}]`)
	}))
	defer srv.Close()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte("tide: {queries: [{orgs: [here, there]}]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Lint(t.Context(), lint.Options{Checks: []string{"validate-github-app-installation"}, Paths: config.Paths{Config: name}}, LintTools{
		ForgeAPI: srv.URL, As: &App{ID: "17", Key: func(context.Context) (string, error) {
			return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})), nil
		}},
	})
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Text != "the GitHub App is not installed for there" {
		t.Errorf("%+v, %v", r, err)
	}
}

// plank's status file is read where it is a file.
func TestClusterStatus(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "status.json")
	if err := os.WriteFile(name, []byte(`{"default": "Reachable", "build": "Error"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{name, "file://" + name} {
		if got, err := (LintTools{}).clusterStatus(t.Context(), path); err != nil || got["build"] != "Error" {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	for path, want := range map[string]string{"gs://bucket/status.json": "--gcs-credentials-file", "/absent": "no such file", "lint_test.go": "want a JSON object"} {
		if _, err := (LintTools{}).clusterStatus(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", path, err, want)
		}
	}
}
