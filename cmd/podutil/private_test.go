package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/git"
	"github.com/prow-ci/prow/podutil"
)

// private serves a repository to who says the right thing.
func private(t *testing.T, may func(r *http.Request) bool) (url string) {
	t.Helper()
	root := t.TempDir()
	sh(t, root, "git init -q -b main work && cd work && echo text > a && git add . && git commit -qm one && git clone -q --bare . ../o/r.git")
	s := httptest.NewServer(git.Handler(root, func(r *http.Request, _, _ string) ([]string, int) {
		if !may(r) {
			return nil, http.StatusUnauthorized
		}
		return nil, 0
	}))
	t.Cleanup(s.Close)
	return s.URL + "/o/r.git"
}

// clones runs clonerefs and expects the repository, and the secret nowhere.
func (p *pod) clones(o prow.CloneRefsOptions, from, secret string) {
	p.t.Helper()
	o.SrcRoot, o.Log, o.Fail = p.path("code"), p.path("logs/clone.json"), true
	o.Refs = []prow.Refs{{Org: "o", Repo: "r", BaseRef: "main", CloneURI: from}}
	c := p.start("", "clonerefs", prow.CloneRefsOptionsEnv, o)
	c.ends(0)
	if got := p.read("code/src/github.com/o/r/a"); got != "text\n" {
		p.t.Errorf("a = %q", got)
	}
	for name, text := range map[string]string{"the records": p.read("logs/clone.json"), "the log": c.err.String(), "the clone": p.read("code/src/github.com/o/r/.git/config")} {
		if strings.Contains(text, secret) {
			p.t.Errorf("the secret is in %s: %s", name, text)
		}
	}
}

func TestCloneWithATokenFile(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.write("oauth/token", "the-token\n")
	from := private(t, func(r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		return user == "the-token" && password == "x-oauth-basic"
	})
	p.clones(prow.CloneRefsOptions{OauthTokenFile: p.path("oauth/token")}, from, "the-token")

	p.write("oauth/token", "another-token")
	o := prow.CloneRefsOptions{SrcRoot: p.path("code"), Log: p.path("logs/clone.json"), OauthTokenFile: p.path("oauth/token"), Refs: []prow.Refs{{Org: "o", Repo: "x", BaseRef: "main", CloneURI: from}}}
	p.start("", "clonerefs", prow.CloneRefsOptionsEnv, o).ends(0)
	var records []podutil.Record
	text := p.read("logs/clone.json")
	if err := json.Unmarshal([]byte(text), &records); err != nil || !records[0].Failed || strings.Contains(text, "another-token") {
		t.Errorf("with a wrong token: %s, %v", text, err)
	}
}

func TestCloneAsAnApp(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.write("app/key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		jwt, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case !ok || strings.Count(jwt, ".") != 2:
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case r.Method+r.URL.Path == "GET/repos/o/r/installation":
			fmt.Fprint(w, `{"id":7}`)
		case r.Method+r.URL.Path == "POST/app/installations/7/access_tokens":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"token":"ghs_made"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(api.Close)
	from := private(t, func(r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		return user == "x-access-token" && password == "ghs_made"
	})
	p.clones(prow.CloneRefsOptions{GitHubAppID: "1", GitHubAppPrivateKeyFile: p.path("app/key"), GitHubAPIEndpoints: []string{api.URL + "/"}}, from, "ghs_made")
}

func TestCloneWithCookies(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	from := private(t, func(r *http.Request) bool {
		c, err := r.Cookie("o")
		return err == nil && c.Value == "the-cookie"
	})
	host := strings.Split(strings.TrimPrefix(from, "http://"), ":")[0]
	p.write("cookies", strings.Join([]string{host, "FALSE", "/", "FALSE", "2147483647", "o", "the-cookie"}, "\t")+"\n")
	p.clones(prow.CloneRefsOptions{CookiePath: p.path("cookies")}, from, "the-cookie")
}

// ssh is a script here; what it is told is what counts.
func TestCloneBySSH(t *testing.T) {
	p := newPod(t)
	root := t.TempDir()
	sh(t, root, "git init -q -b main r && cd r && echo text > a && git add . && git commit -qm one")
	p.write("bin/ssh", `#!/bin/sh
echo "$@" >> `+p.path("told")+`
for a; do case $a in *key-0) ls -l $a >> `+p.path("told")+`; cat $a >> `+p.path("told")+`;; UserKnownHostsFile=*) cat ${a#*=} >> `+p.path("told")+`;; esac; last=$a; done
[ "$1" = -G ] && exit 0
eval "$last"
`)
	if err := os.Chmod(p.path("bin/ssh"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("ssh/..data/id", "not this")
	p.write("ssh/id", "a-private-key")
	if err := os.Chmod(p.path("ssh/id"), 0o440); err != nil { // as Kubernetes mounts it for a group
		t.Fatal(err)
	}
	t.Setenv("PATH", p.path("bin")+":"+os.Getenv("PATH"))
	p.clones(prow.CloneRefsOptions{KeyFiles: []string{p.path("ssh")}, HostFingerprints: []string{"host.test ssh-ed25519 AAAA"}}, "git@host.test:"+filepath.Join(root, "r"), "a-private-key")
	for _, want := range []string{"git@host.test", "-rw------- ", "a-private-key", "host.test ssh-ed25519 AAAA", "IdentitiesOnly=yes"} {
		if told := p.read("told"); !strings.Contains(told, want) {
			t.Errorf("ssh was told %s; want %q", told, want)
		}
	}
}

// What the original's controller writes into a pod is understood, word for word.
func TestPodMadeByTheOriginal(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.write("etc/tok/tok", "the-secret")
	from := private(t, func(*http.Request) bool { return true })
	text := func(s string) json.RawMessage {
		return json.RawMessage(strings.NewReplacer("/logs", p.path("logs"), "gs://b", p.path("bucket"), "/home/prow/go", p.path("code"), "/etc/tok", p.path("etc/tok"), "CLONE", from).Replace(s))
	}
	base := sh(t, t.TempDir(), "git ls-remote "+from+" main | cut -f1")
	p.spec.Refs = nil
	spec := `{"type":"postsubmit","job":"unit","buildid":"9","prowjobid":"1b2c","refs":{"org":"o","repo":"r","base_ref":"main","base_sha":"` + base + `","clone_uri":"CLONE"}}`
	if err := json.Unmarshal(text(spec), &p.spec); err != nil {
		t.Fatal(err)
	}
	p.start("", "clonerefs", prow.CloneRefsOptionsEnv, text(`{"src_root":"/home/prow/go","log":"/logs/clone.json","git_user_name":"ci-robot","git_user_email":"ci-robot@k8s.io",
		"refs":[{"org":"o","repo":"r","base_ref":"main","base_sha":"`+base+`","clone_uri":"CLONE"}],"github_api_endpoints":["https://api.github.com"]}`)).ends(0)
	p.start("", "initupload", prow.InitUploadOptionsEnv, text(`{"bucket":"gs://b","path_strategy":"explicit","dry_run":false,"log":"/logs/clone.json"}`)).ends(0)
	s := p.start("", "sidecar", prow.SidecarOptionsEnv, text(`{"gcs_options":{"items":["/logs/artifacts"],"bucket":"gs://b","path_strategy":"explicit","dry_run":false},
		"entries":[{"args":["make","test"],"container_name":"test","process_log":"/logs/process-log.txt","marker_file":"/logs/marker-file.txt","metadata_file":"/logs/artifacts/metadata.json"}],
		"censoring_options":{"secret_directories":["/etc/tok"]}}`))
	p.start("", "tools/entrypoint", prow.EntrypointOptionsEnv, text(`{"timeout":7200000000000,"grace_period":15000000000,"artifact_dir":"/logs/artifacts","args":["sh","-c","echo the-secret; echo a > /logs/artifacts/a"],
		"container_name":"test","process_log":"/logs/process-log.txt","marker_file":"/logs/marker-file.txt","metadata_file":"/logs/artifacts/metadata.json"}`)).ends(0)
	s.ends(0)
	run := "bucket/logs/unit/9/"
	for name, want := range map[string]string{
		"started.json": `"repo-commit":"` + base + `"`, "clone-records.json": `"final_sha":"` + base + `"`, "clone-log.txt": "# Final SHA: " + base,
		"build-log.txt": "XXXXXXXX", "artifacts/a": "a", "finished.json": `"passed":true,"result":"SUCCESS","revision":"` + base + `"`, "sidecar-logs.json": "sidecar", "../latest-build.txt": "9",
	} {
		if got := p.read(run + name); !strings.Contains(got, want) {
			t.Errorf("%s = %s, want %s in it", name, got, want)
		}
	}
}
