package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/hook"
	"github.com/prow-ci/prow/local"
)

// Components are the parts that one process may run, in the order in which the
// story of a change meets them.
var componentNames = []string{"hook", "horologium", "plank", "crier", "sinker", "tide", "deck", pipelineComponent, jenkinsComponent}

// Components lists the parts that --only chooses from.
func Components() []string { return slices.Clone(componentNames) }

// Kubernetes is the runner that makes pods; see Options.Cluster.
const Kubernetes = "kubernetes"

// InCluster reports whether this process runs in a pod.
func InCluster() bool { return os.Getenv("KUBERNETES_SERVICE_HOST") != "" }

// Options say what a server runs and where it finds things.
type Options struct {
	Data   string       // folder of all state; made if absent
	Addr   string       // where pages, API and webhooks are served: "127.0.0.1:8080"
	URL    string       // how people reach Addr; default http://Addr
	Paths  config.Paths // of the configuration
	Only   []string     // of Components; empty: all
	Engine string       // of the runner: auto, docker, podman, process
	// MaxJobs is how many jobs run at once where plank.max_concurrency says
	// nothing; 0 is twice the processors, and on Kubernetes no limit.
	MaxJobs int
	Node    string // name of this machine, in build ids; default its host name
	Jobs    string // folder of the jobs' secrets, "" for none

	ForgeAPI     string // base address of the REST API; "" is api.github.com
	ForgeGraphQL string // "" follows ForgeAPI
	ForgeURL     string // base address of pages and clones; "" is https://github.com
	Token        func(ctx context.Context) (string, error)
	App          *App                   // instead of Token: a GitHub App
	GitUser      string                 // whom git says the token is of; default x-access-token
	Secrets      func() ([]byte, error) // content of the HMAC file
	Filter       hook.Filter            // which repositories are served
	WebhookPath  string                 // default /hook
	DryRun       bool                   // write nothing to the forge

	// CloneWithToken lets the clones of jobs use Token, or that of the App's
	// installation at the owner, for private repositories.
	// The test itself never sees it.
	CloneWithToken bool

	// Cluster keeps jobs in Kubernetes and runs them as pods; nil: on this machine.
	Cluster *ClusterOptions
	// Jenkins runs the jobs of the agent jenkins; nil: nobody does.
	Jenkins *JenkinsOptions

	Self    []string // command that runs one run folder; its last argument is added
	Version string
	Log     *slog.Logger
	Now     prow.Clock
}

// runs reports whether component is among those to run.
func (o *Options) runs(component string) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, component)
}

func (o *Options) complete() error {
	for _, c := range o.Only {
		if !slices.Contains(componentNames, c) {
			return fmt.Errorf("--only %s: no such component; there are %s", c, strings.Join(componentNames, ", "))
		}
	}
	if slices.Contains(o.Only, jenkinsComponent) && o.Jenkins == nil {
		return fmt.Errorf("--only %s needs the address of Jenkins: say --jenkins-url", jenkinsComponent)
	}
	if slices.Contains(o.Only, pipelineComponent) && o.Cluster == nil {
		return fmt.Errorf("--only %s needs a Kubernetes cluster: say --kubeconfig, or run inside one", pipelineComponent)
	}
	if o.Data == "" {
		return fmt.Errorf("no folder for state: say --data DIR")
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("folder for state: %w", err)
	}
	abs, err := filepath.Abs(o.Data)
	if err != nil {
		return err
	}
	o.Data = abs
	if o.URL == "" {
		o.URL = "http://" + o.Addr
	}
	o.URL = strings.TrimRight(o.URL, "/")
	if o.ForgeURL == "" {
		o.ForgeURL = "https://github.com"
	}
	if o.WebhookPath == "" {
		o.WebhookPath = "/hook"
	}
	if o.GitUser == "" {
		o.GitUser = "x-access-token"
	}
	if o.Engine == "" {
		o.Engine = "auto"
	}
	if o.MaxJobs == 0 && o.Cluster == nil {
		o.MaxJobs = 2 * runtime.NumCPU()
	}
	if o.Node == "" {
		o.Node, _ = os.Hostname() // without one, build ids are as the original's
	}
	if o.Cluster != nil {
		own := *o.Cluster
		own.Identity = cmp.Or(own.Identity, o.Node+"-"+strings.ToLower(rand.Text()[:6]))
		o.Cluster = &own
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// containers refuses to run jobs as plain processes unless that was asked for: they
// have the rights of whoever runs Prow, and jobs may be anybody's code.
func (o *Options) containers() error {
	if o.Engine != local.Auto || !o.runs("plank") {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if engine, why := local.Detect(ctx); engine == local.Process {
		return fmt.Errorf("no container engine for jobs: %s; start Docker or Podman, or say --runner process if you trust all code that will be tested", why)
	}
	return nil
}

// SecretFile reads a secret from a file each time it is asked for, so that a
// rotated secret is used at once. The text is trimmed of white space.
func SecretFile(path string) func(ctx context.Context) (string, error) {
	return func(context.Context) (string, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("secret: %w", err)
		}
		s := strings.TrimSpace(string(b))
		if s == "" {
			return "", fmt.Errorf("secret: %s is empty", path)
		}
		return s, nil
	}
}
