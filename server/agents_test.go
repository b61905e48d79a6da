package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/jenkins"
	"github.com/prow-ci/prow/prowtest"
)

// oneBuild is a Jenkins that builds what it is asked for at once.
type oneBuild struct {
	mu sync.Mutex
	id string // of the job it is asked for
}

func (b *oneBuild) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/buildWithParameters"):
		b.id = r.FormValue("PROW_JOB_ID")
		w.WriteHeader(http.StatusCreated)
	case r.URL.Path == "/queue/api/json":
		fmt.Fprint(w, `{"items":[]}`)
	case strings.HasSuffix(r.URL.Path, "/progressiveText"), strings.HasSuffix(r.URL.Path, "/consoleText"):
		fmt.Fprint(w, "built by Jenkins\n")
	case b.id == "":
		fmt.Fprint(w, `{"property":[{"parameterDefinitions":[{"name":"PROW_JOB_ID"}]}],"builds":[]}`)
	default:
		fmt.Fprintf(w, `{"builds":[{"number":7,"result":"SUCCESS","building":false,"actions":[{"parameters":[{"name":"PROW_JOB_ID","value":%q}]}]}]}`, b.id)
	}
}

// A job of Jenkins runs in the house like any other, and its log is on the pages.
func TestJenkinsInTheHouse(t *testing.T) {
	t.Parallel()
	far := httptest.NewServer(&oneBuild{})
	defer far.Close()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "log at "+r.URL.Path) }))
	defer elsewhere.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	write := func(more string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("{}\n") // no entry for Jenkins yet: the others work
	plugins := filepath.Join(dir, "plugins.yaml")
	if err := os.WriteFile(plugins, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Data: filepath.Join(dir, "data"), Addr: "127.0.0.1:0", Paths: config.Paths{Config: file, PluginConfig: plugins}, Only: []string{"jenkins-operator", "deck"},
		Token: func(context.Context) (string, error) { return "t", nil }, Secrets: func() ([]byte, error) { return []byte("s"), nil },
		Jenkins: &JenkinsOptions{Options: jenkins.Options{URL: far.URL}}, Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := listen(ctx, o.Addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, ln) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	j := prowtest.Job("a", func(j *prow.Job) {
		j.Spec.Agent, j.Spec.PodSpec, j.Spec.DecorationConfig = prow.JenkinsAgent, nil, nil
	})
	if err := s.state.Jobs.Create(ctx, j); err != nil {
		t.Fatal(err)
	}
	within(t, "the pages answer", func() bool {
		res, err := http.Get("http://" + ln.Addr().String() + "/healthz") //nolint:noctx // it ends with the server
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	write("jenkins_operators: [{}]\n")
	within(t, "the job passes", func() bool {
		now, err := s.state.Jobs.Get(ctx, "a")
		return err == nil && now.Status.State == prow.Success && now.Status.JenkinsBuildID == "7" && now.Status.URL == far.URL+"/job/unit/7/"
	})
	read := func() string {
		f, err := s.agents().Logs(ctx, "a", "", 0, false)
		if err != nil {
			return err.Error()
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	if got := read(); got != "built by Jenkins\n" {
		t.Errorf("its log is %q", got)
	}
	res, err := http.Get("http://" + ln.Addr().String() + "/job/unit/7/consoleText") //nolint:noctx // it ends with the server
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "built by Jenkins\n" {
		t.Errorf("served as %q, %v", b, err)
	}
	write("jenkins_operators: [{}]\ndeck: {external_agent_logs: [{agent: jenkins, url_template: '" + elsewhere.URL + "/{{.Spec.Job}}/{{.Status.JenkinsBuildID}}'}]}\n")
	within(t, "the log is read where the configuration says", func() bool { return read() == "log at /unit/7" })
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never happened: " + what)
}

func TestComponentsThatNeedMore(t *testing.T) {
	t.Parallel()
	for component, words := range map[string]string{"jenkins-operator": "--jenkins-url", "pipeline": "--kubeconfig"} {
		o := Options{Only: []string{component}, Data: t.TempDir()}
		if err := o.complete(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("--only %s: %v", component, err)
		}
	}
}
