package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/podutil"
)

// sh runs git and the like for a test.
func sh(t *testing.T, dir, line string) string {
	t.Helper()
	cmd := exec.Command("sh", "-ec", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@x")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestCloneAndInitUpload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, change, result string
		code                 int
		why                  string
	}{
		{"it merges", "echo new > b", "", 0, ""},
		{"it conflicts", "echo theirs > a", "FAILURE", exitTest, "does not merge"},
		{"it is not there", "", "ERROR", exitUs, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, repo := newPod(t), t.TempDir()
			sh(t, repo, "git init -q -b main && git config uploadpack.allowAnySHA1InWant true && echo base > a && git add . && git commit -qm base")
			fork := sh(t, repo, "git rev-parse HEAD")
			sh(t, repo, "echo ours > a && git commit -qam ours")
			p.spec.Refs.BaseSHA, p.spec.Refs.CloneURI = sh(t, repo, "git rev-parse HEAD"), repo
			p.spec.Refs.Pulls[0].SHA = strings.Repeat("1", 40)
			if c.change != "" {
				p.spec.Refs.Pulls[0].SHA = sh(t, repo, "git checkout -q -b pull "+fork+" && "+c.change+" && git add . && git commit -qm change && git rev-parse HEAD")
			}
			p.start("", "clonerefs", prow.CloneRefsOptionsEnv, prow.CloneRefsOptions{
				SrcRoot: p.path("code"), Log: p.path("logs/clone.json"), Refs: []prow.Refs{*p.spec.Refs}, GitUserName: "me \"the\" robot", GitEmail: "me@x",
			}, "--cookiefile=/taken/from/the/options").ends(0)
			i := p.start("", "initupload", prow.InitUploadOptionsEnv, prow.InitUploadOptions{GCSOptions: prow.GCSOptions{GCSConfiguration: p.config}, Log: p.path("logs/clone.json")})
			i.ends(c.code)
			var records []podutil.Record
			if err := json.Unmarshal([]byte(p.kept("clone-records.json")), &records); err != nil || len(records) != 1 {
				t.Fatal(err, records)
			}
			if c.result == "" {
				work := p.path("code/src/github.com/o/r")
				if got := sh(t, work, "cat a b; git log -1 --format='%cn %ce'"); got != "ours\nnew\nme \"the\" robot me@x" {
					t.Errorf("in the clone: %q", got)
				}
				if got := p.kept("started.json"); !strings.Contains(got, `"repo-commit":"`+records[0].FinalSHA+`"`) {
					t.Errorf("started.json = %s, want %s", got, records[0].FinalSHA)
				}
				p.lacks("finished.json")
				return
			}
			f := p.finished()
			if why, _ := f.Metadata["why"].(string); f.Passed || f.Result != c.result || !strings.Contains(why, c.why) {
				t.Errorf("finished.json = %+v", f)
			}
			if log := p.kept("build-log.txt"); log != p.kept("clone-log.txt") || !strings.Contains(log, c.why) {
				t.Errorf("build-log.txt = %s", log)
			}
		})
	}
}

func TestCloneFails(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	o := prow.CloneRefsOptions{SrcRoot: p.path("code"), Log: p.path("logs/clone.json"), Refs: []prow.Refs{{Org: "o", Repo: "r", BaseRef: "main", CloneURI: p.path("nowhere")}}, Fail: true}
	p.start("", "clonerefs", prow.CloneRefsOptionsEnv, o).ends(exitUs)
	o.OauthTokenFile = p.path("no-token")
	p.start("", "clonerefs", prow.CloneRefsOptionsEnv, o).ends(exitUs)
	var records []podutil.Record
	if err := json.Unmarshal([]byte(p.read("logs/clone.json")), &records); err != nil || len(records) != 1 || !records[0].Failed || !strings.Contains(records[0].Why, "no-token") {
		t.Errorf("%+v, %v; want one failed record", records, err)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	for _, c := range []struct {
		name, env string
		options   any
		args      []string
		code      int
		says      string
	}{
		{"clonerefs", "", nil, nil, exitUs, "src_root is missing"},
		{"clonerefs", prow.CloneRefsOptionsEnv, prow.CloneRefsOptions{SrcRoot: "/x", Log: "/y"}, nil, exitUs, "nothing to clone"},
		{"clonerefs", "", nil, []string{"--repo=o/r"}, exitUsage, "want org,repo=base"},
		{"clonerefs", prow.CloneRefsOptionsEnv, prow.CloneRefsOptions{SrcRoot: "/x", Log: "/y", Refs: make([]prow.Refs, 1), GitHubAppID: "1"}, nil, exitUs, "come together"},
		{"initupload", prow.InitUploadOptionsEnv, prow.InitUploadOptions{}, nil, exitUs, "nothing of a bucket"},
		{"initupload", prow.InitUploadOptionsEnv, prow.InitUploadOptions{GCSOptions: prow.GCSOptions{GCSConfiguration: &prow.GCSConfiguration{Bucket: "b"}}}, nil, exitUs, "path_strategy"},
		{"initupload", prow.InitUploadOptionsEnv, prow.InitUploadOptions{GCSOptions: prow.GCSOptions{GCSConfiguration: p.config}, Log: "/no/such"}, nil, exitUs, "records of the clones"},
		{"entrypoint", "", nil, nil, 127, "no command"},
		{"entrypoint", prow.EntrypointOptionsEnv, prow.EntrypointOptions{AlwaysZero: true, PropagateErrorCode: true, WrapperOptions: prow.WrapperOptions{Args: []string{"x"}, ProcessLog: "l", MarkerFile: "m"}}, nil, 127, "exclude each other"},
		{"sidecar", prow.SidecarOptionsEnv, prow.SidecarOptions{}, nil, exitUs, "entries is empty"},
		{"sidecar", prow.SidecarOptionsEnv, "text", nil, exitUsage, "SIDECAR_OPTIONS"},
		{"gcsupload", prow.GCSUploadOptionsEnv, prow.GCSOptions{}, nil, exitUs, "nothing to upload"},
		{"podutil", "", nil, []string{"sidecat"}, exitUsage, `there is no "sidecat"`},
		{"podutil", "", nil, nil, exitUsage, "five programs"},
		{"podutil", prow.SidecarOptionsEnv, prow.SidecarOptions{}, nil, exitUs, "entries is empty"},
	} {
		x := p.start("", c.name, c.env, c.options, c.args...)
		x.ends(c.code)
		if !strings.Contains(x.err.String(), c.says) {
			t.Errorf("%s %v said %q, want %q", c.name, c.args, x.err, c.says)
		}
	}
}

func TestGCSUpload(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.write("a/b/c.txt", "c")
	p.write("d.txt", "d")
	dry := p.start("", "podutil", "", nil, "gcsupload", "--gcs-path="+p.path("bucket"), "--sub-dir=more", "a", "d.txt")
	dry.ends(0)
	if !strings.Contains(dry.err.String(), "pr-logs/pull/o_r/5/unit/9/more/a/b/c.txt") {
		t.Errorf("a dry run said %s", dry.err)
	}
	p.lacks("more")
	p.start("", "gcsupload", "", nil, "--dry-run=false", "--gcs-path="+p.path("bucket"), "--sub-dir=more", "a", "d.txt").ends(0)
	if got := p.kept("more/a/b/c.txt") + p.kept("more/d.txt"); got != "cd" {
		t.Errorf("uploaded %q", got)
	}
	p.config.LocalOutputDir = p.path("output")
	p.write("logs/process-log.txt", "the log")
	p.write("logs/marker-file.txt", "0")
	p.start("", "initupload", prow.InitUploadOptionsEnv, prow.InitUploadOptions{GCSOptions: prow.GCSOptions{GCSConfiguration: p.config}}).ends(0)
	p.sidecar().ends(0)
	if got := p.read("output/build-log.txt"); got != "the log" || !there(p.path("output/started.json"))() {
		t.Errorf("output/build-log.txt = %q", got)
	}
	if list, err := filepath.Glob(p.path("output/*latest*")); err != nil || len(list) > 0 {
		t.Errorf("a local output has pointers: %v", list)
	}
}

func TestParseRefs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]prow.Refs{
		"o,r=main":                       {Org: "o", Repo: "r", BaseRef: "main"},
		"o,r=main:abc":                   {Org: "o", Repo: "r", BaseRef: "main", BaseSHA: "abc"},
		"o,r=a/b:abc,1,2:def,3:x:refs/y": {Org: "o", Repo: "r", BaseRef: "a/b", BaseSHA: "abc", Pulls: []prow.PullRef{{Number: 1}, {Number: 2, SHA: "def"}, {Number: 3, SHA: "x", Ref: "refs/y"}}},
	} {
		if got, err := parseRefs(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "o,r", "o=main", ",r=main", "o,=main", "o,r=", "o,r=:sha", "o,r=main:a:b", "o,r=main,x", "o,r,s=main"} {
		if got, err := parseRefs(in); err == nil || !strings.Contains(err.Error(), "want org,repo=base") {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

func FuzzParseRefs(f *testing.F) {
	for _, s := range []string{"o,r=main", "o,r=main:abc,1,2:def,3:x:refs/y", "o,r=", "=,:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRefs(s)
		if err != nil {
			return
		}
		again, err := parseRefs(r.Org + "," + r.Repo + "=" + r.String())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%q: %+v, then %+v, %v", s, r, again, err)
		}
	})
}
