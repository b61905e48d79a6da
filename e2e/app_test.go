//go:build acceptance

package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/client"
	"github.com/prow-ci/prow/prowtest/world"
	"github.com/prow-ci/prow/sandbox"
)

const appConfig = rackConfig + `
tide:
  sync_period: 2s
  queries:
  - {orgs: [o], labels: [lgtm]}
in_repo_config: {enabled: {o: true}}
`

// ownJob is in the repository; it passes where the private repository was cloned.
const ownJob = `presubmits:
- name: unit
  always_run: true
  decorate: true
  spec: {containers: [{image: busybox, command: [sh, -c, "test -f a.txt && test -f README.md"]}]}
`

// As a GitHub App with the permissions of docs/serve.md, Prow takes a private
// repository's change from push to merge, while its tokens end and its key is
// replaced.
func TestAsGitHubApp(t *testing.T) {
	t.Parallel()
	r := &rack{t: t, w: world.New(t), dir: t.TempDir(), data: t.TempDir(), seen: map[string][]byte{}}
	ctx, hub := t.Context(), r.w.Hub
	r.w.Org("o", "alice", "bob")
	r.repo = prow.Repo{Owner: "o", Name: "r"}
	must0(t, hub.CreateRepo(ctx, r.repo, map[string]string{"README.md": "private\n", ".prow.yaml": ownJob}, sandbox.RepoOptions{By: world.Bot, Private: true}))
	for _, login := range []string{"alice", "bob"} {
		must0(t, hub.AddCollaborator(ctx, r.repo, login, "write"))
	}
	keyFile := filepath.Join(r.dir, "app.pem")
	key := func() *rsa.PublicKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		must0(t, err)
		writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})))
		return &k.PublicKey
	}
	app, _, err := hub.CreateApp(ctx, sandbox.AppOptions{Slug: "prow-o", Owner: "alice", Keys: []*rsa.PublicKey{key()}, Permissions: map[string]string{
		"metadata": "read", "actions": "write", "checks": "write", "contents": "write", "issues": "write", "members": "read",
		"pull_requests": "write", "statuses": "write", "workflows": "write",
	}})
	must0(t, err)
	must0(t, hub.InstallApp(ctx, "prow-o", "o"))

	addr := freeAddr(t)
	relay := httptest.NewServer(r.relay("http://" + addr + "/hook"))
	t.Cleanup(relay.Close)
	must0(t, hub.SetHook(ctx, relay.URL, hmacSecret))
	r.p = spawn(t, "http://"+addr, "serve", "--addr", addr, "--data", r.data, "--runner", "process", "--log-level", "warn", "--clone-with-token",
		"--config-path", writeFile(t, filepath.Join(r.dir, "config.yaml"), appConfig),
		"--plugin-config", writeFile(t, filepath.Join(r.dir, "plugins.yaml"), rackPlugins),
		"--github-app-id", strconv.FormatInt(app, 10), "--github-app-private-key-path", keyFile,
		"--hmac-secret-file", writeFile(t, filepath.Join(r.dir, "hmac"), hmacSecret),
		"--github-endpoint", hub.API(), "--github-graphql-endpoint", r.w.URL+"/graphql", "--github-host", r.w.URL)
	t.Cleanup(func() {
		r.p.stop()
		if t.Failed() {
			t.Logf("the server said:\n%.4000s", r.p.log)
		}
	})
	r.p.ready(t)
	r.api = &client.Client{URL: r.p.url}

	r.w.Commit(r.repo, "topic", "alice", map[string]string{"a.txt": "a\n"})
	id, err := hub.OpenPull(ctx, "alice", prow.NewPull{Repo: r.repo, Head: "topic", Base: "main", Title: "Add a"})
	must0(t, err)
	if c := r.check(id, "unit"); c.State != prow.CheckSuccess {
		t.Fatalf("unit: %+v: %s", c, r.job("unit").Why)
	}
	must0(t, hub.SetAppKeys(ctx, "prow-o", key()))
	must0(t, hub.EndTokens(ctx, "prow-o", "o"))
	r.w.Say(id, "bob", "/lgtm")
	r.until("the pull request is merged", func() bool { return r.w.PullNow(id).Merged })
	if by := r.w.PullNow(id).MergedBy; by != "prow-o[bot]" {
		t.Errorf("merged by %s", by)
	}
	if _, err := os.Stat(filepath.Join(r.data, "git")); err != nil {
		t.Errorf("no mirrors: %v", err)
	}
	get(t, r.p.url+"/system")
}
