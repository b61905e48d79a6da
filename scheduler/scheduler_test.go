package scheduler_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/prowtest"
	"github.com/prow-ci/prow/scheduler"
)

// load reads a configuration with a section scheduler.
func load(t *testing.T, section string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	paths := config.Paths{Config: filepath.Join(dir, "config.yaml"), PluginConfig: filepath.Join(dir, "plugins.yaml")}
	for path, text := range map[string]string{paths.Config: "scheduler: " + section, paths.PluginConfig: "{}"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func job(name, cluster, agent string) *prow.Job {
	return prowtest.Job("x", func(j *prow.Job) { j.Spec.Job, j.Spec.Cluster, j.Spec.Agent = name, cluster, agent })
}

// service is an external scheduler.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
}

func serve(t *testing.T) *service {
	s := &service{asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var said struct{ Job string }
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil || r.Method != http.MethodPost {
			t.Errorf("%s, %v", r.Method, err)
		}
		s.mu.Lock()
		s.asked[said.Job]++
		s.mu.Unlock()
		switch said.Job {
		case "broken":
			http.Error(w, "out of order", http.StatusInternalServerError)
		case "prose":
			fmt.Fprint(w, "east, please")
		case "nowhere":
			fmt.Fprint(w, `{"cluster":""}`)
		case "cut":
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprint(w, `{"cluster":"east"}`)
		}
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	t.Cleanup(s.Close)
	return s
}

func (s *service) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

func TestWhereAJobRuns(t *testing.T) {
	t.Parallel()
	far := serve(t)
	failover, external := `{enabled: true, failover: {mappings: {west: east}}}`, `{enabled: true, external: {url: "`+far.URL+`"}}`
	for _, x := range []struct{ name, section, job, cluster, agent, want string }{
		{"nobody chooses", "{enabled: true}", "unit", "west", prow.KubernetesAgent, "west"},
		{"no cluster is the default one", "{enabled: true}", "unit", "", prow.KubernetesAgent, "default"},
		{"mapped", failover, "unit", "west", prow.KubernetesAgent, "east"},
		{"mapped, of Tekton", failover, "unit", "west", prow.TektonAgent, "east"},
		{"mapped, of somebody else", failover, "unit", "west", "other", "west"},
		{"not mapped", failover, "unit", "north", prow.KubernetesAgent, "north"},
		{"asked", external, "unit", "west", prow.KubernetesAgent, "east"},
		{"asked of Jenkins", external, "of-jenkins", "west", prow.JenkinsAgent, "west"},
		{"an error", external, "broken", "west", prow.KubernetesAgent, "west"},
		{"no JSON", external, "prose", "west", prow.KubernetesAgent, "west"},
		{"no cluster", external, "nowhere", "west", prow.KubernetesAgent, "west"},
		{"no answer", external, "cut", "west", prow.KubernetesAgent, "west"},
		{"the map wins", `{enabled: true, failover: {mappings: {}}, external: {url: "` + far.URL + `"}}`, "asked-in-vain", "west", prow.KubernetesAgent, "west"},
	} {
		cfg := load(t, x.section)
		s := &scheduler.Scheduler{Config: func() *config.Config { return cfg }, HTTP: far.Client(), Log: slog.New(slog.DiscardHandler), Now: time.Now}
		if got := s.Cluster(t.Context(), job(x.job, x.cluster, x.agent)); got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
	for _, name := range []string{"of-jenkins", "asked-in-vain"} {
		if far.count(name) > 0 {
			t.Errorf("the service was asked of %s", name)
		}
	}
}

// An answer is used again for its time, a failure is not; and a service that is
// silent is left alone for a while.
func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	far := serve(t)
	cfg, now := load(t, `{external: {url: "`+far.URL+`", cache: {entry_timeout_interval: 1m, cleanup_interval: 10m}}}`), time.Unix(0, 0)
	s := &scheduler.Scheduler{Config: func() *config.Config { return cfg }, HTTP: far.Client(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	ask := func(name string, want int) {
		t.Helper()
		s.Cluster(t.Context(), job(name, "west", prow.KubernetesAgent))
		if n := far.count(name); n != want {
			t.Errorf("at %s the service was asked %d times of %s, want %d", now.Sub(time.Unix(0, 0)), n, name, want)
		}
	}
	ask("unit", 1)
	ask("unit", 1)
	ask("broken", 1)
	ask("broken", 2)
	now = now.Add(59 * time.Second)
	ask("unit", 1)
	now = now.Add(time.Second)
	ask("unit", 2)
	now = now.Add(10 * time.Minute) // swept
	ask("unit", 3)
	ask("cut", 1)
	ask("cut", 1)
	ask("lint", 0)
	ask("unit", 3)
	now = now.Add(10 * time.Second)
	ask("lint", 1)
	cfg = load(t, `{external: {url: "`+far.URL+`/other"}}`)
	ask("unit", 4)
}
