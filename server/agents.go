package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/jenkins"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/plank"
	"github.com/prow-ci/prow/tekton"
	"k8s.io/apimachinery/pkg/labels"
)

// JenkinsOptions say where the Jenkins is that runs jobs of the agent jenkins.
type JenkinsOptions struct {
	jenkins.Options

	Selector string // label_selector of the entry of jenkins_operators
}

// The components that run jobs elsewhere.
const (
	pipelineComponent = "pipeline"
	jenkinsComponent  = "jenkins-operator"
)

// pipelines opens the PipelineRuns of the build clusters when they are asked for:
// most installations have none.
type pipelines struct {
	o kube.RunnerOptions

	mu   sync.Mutex
	open *kube.Pipelines
}

func (p *pipelines) get() (*kube.Pipelines, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.open == nil {
		p.open, err = kube.NewPipelines(p.o)
	}
	return p.open, err
}

func (p *pipelines) setClusters(c *kube.Clusters) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Clusters = c.Build
	if p.open == nil {
		return nil
	}
	return p.open.SetClusters(c.Build)
}

func (p *pipelines) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		return nil
	}
	return p.open.Close()
}

// elsewhere returns the components that run jobs of other agents, where they are
// configured.
func (s *Server) elsewhere(builds *plank.BuildIDs) (parts []part, err error) {
	if s.o.runs(pipelineComponent) && s.state.pipelines != nil {
		parts = append(parts, part{name: pipelineComponent, run: s.pipeline(builds), agent: prow.TektonAgent})
	}
	o := s.o.Jenkins
	if o == nil {
		return parts, nil
	}
	own, counts := o.Options, jenkins.NewMetrics()
	own.Metrics = counts
	if s.jenkins, err = jenkins.New(own); err != nil {
		return nil, err
	}
	s.metrics.MustRegister(counts)
	if s.o.runs(jenkinsComponent) {
		w := &jenkins.Worker{
			Jobs: s.state.Jobs, Jenkins: s.jenkins, Journal: s.state.Journal, Config: s.live.Current, Selector: o.Selector,
			BuildID: builds.Next, Metrics: counts, Now: s.o.Now, Log: s.log(jenkinsComponent),
		}
		parts = append(parts, part{name: jenkinsComponent, run: s.untilThereIsWork(w)})
	}
	return parts, nil
}

// untilThereIsWork waits where the configuration has no entry for w: one that others
// changed must not end the components that share this process. A process of the
// operator alone ends, as the original's does.
func (s *Server) untilThereIsWork(w *jenkins.Worker) func(context.Context) error {
	if len(s.o.Only) == 1 {
		return w.Run
	}
	return func(ctx context.Context) error {
		for range s.live.Watch(ctx) { // the current one first
			err := w.Run(ctx)
			if !errors.Is(err, jenkins.ErrNoOperator) {
				return err
			}
			s.log(jenkinsComponent).Error("nobody runs jobs of Jenkins until the configuration is changed", "err", err)
		}
		return nil
	}
}

// pipeline runs jobs of Tekton.
func (s *Server) pipeline(builds *plank.BuildIDs) func(context.Context) error {
	return func(ctx context.Context) error {
		runner, err := s.state.pipelines.get()
		if err != nil {
			return err
		}
		w := &tekton.Worker{
			Jobs: s.state.Jobs, Runner: runner, Journal: s.state.Journal, Config: s.live.Current, URL: s.runURL,
			BuildID: builds.Next, Now: s.o.Now, Log: s.log(pipelineComponent),
		}
		return w.Run(ctx)
	}
}

// onceNeeded runs a component when there is the first job of its agent: until then
// nothing is asked of the clusters, and no lease is held.
func (s *Server) onceNeeded(agent string, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if !s.await(ctx, agent) {
			return nil
		}
		return run(ctx)
	}
}

// await returns when there is a job of an agent, or ctx ends.
func (s *Server) await(ctx context.Context, agent string) bool {
	of := s.state.agentOf
	if of == nil {
		of = func(id string) string {
			if j, err := s.state.Jobs.Get(ctx, id); err == nil {
				return j.Spec.Agent
			}
			return ""
		}
	}
	for id := range s.state.Jobs.Watch(ctx) {
		if of(id) == agent {
			return true
		}
	}
	return false
}

// leaseOf names the election of a component.
func (s *Server) leaseOf(component string) string {
	if s.o.Jenkins == nil {
		return install.LeaseOf(component, "")
	}
	return install.LeaseOf(component, s.o.Jenkins.Selector)
}

// agents is what deck sees of runs: those of the runner, and of other agents what
// can be seen where they run.
type agents struct {
	prow.Runner

	jobs      prow.Jobs
	config    func() *config.Config
	pipelines *pipelines
	jenkins   *jenkins.Client
	http      *http.Client
}

// agents wraps the runner for deck.
func (s *Server) agents() prow.Runner {
	return &agents{Runner: s.state.Runner, jobs: s.state.Jobs, config: s.live.Current, pipelines: s.state.pipelines, jenkins: s.jenkins,
		http: &http.Client{Transport: http.DefaultTransport, Timeout: 10 * time.Minute}}
}

// Look says how a run stands.
func (a *agents) Look(ctx context.Context, id string) (prow.Run, error) {
	j, err := a.jobs.Get(ctx, id)
	switch {
	case err != nil || j.Spec.Agent == prow.KubernetesAgent:
		return a.Runner.Look(ctx, id)
	case j.Spec.Agent == prow.TektonAgent && a.pipelines != nil:
		p, err := a.pipelines.get()
		if err != nil {
			return prow.Run{}, err
		}
		return p.Look(ctx, id)
	}
	return prow.Run{}, fmt.Errorf("run %s is of agent %s: %w", id, j.Spec.Agent, fs.ErrNotExist)
}

// Logs returns the output of a run: where external_agent_logs says, else where it
// runs.
func (a *agents) Logs(ctx context.Context, id, container string, offset int64, follow bool) (io.ReadCloser, error) {
	j, err := a.jobs.Get(ctx, id)
	if err != nil || j.Spec.Agent == prow.KubernetesAgent {
		return a.Runner.Logs(ctx, id, container, offset, follow)
	}
	address, err := externalLog(a.config(), j)
	switch {
	case err != nil:
		return nil, err
	case address != "":
		return a.fetch(ctx, address, offset)
	case j.Spec.Agent == prow.TektonAgent && a.pipelines != nil:
		p, err := a.pipelines.get()
		if err != nil {
			return nil, err
		}
		return p.Logs(ctx, id, container, offset, follow)
	case j.Spec.Agent == prow.JenkinsAgent && a.jenkins != nil:
		return a.jenkins.Console(ctx, j, offset, follow)
	}
	return nil, fmt.Errorf("log of run %s, whose agent is %s: %w", id, j.Spec.Agent, fs.ErrNotExist)
}

// externalLog is where the configuration says that the log of j is; "" if it does
// not.
func externalLog(cfg *config.Config, j *prow.Job) (string, error) {
	for _, l := range cfg.Deck.ExternalAgentLogs {
		selector, err := labels.Parse(l.Selector)
		if err != nil || l.Agent != j.Spec.Agent || !selector.Matches(labels.Set(j.Labels)) {
			continue
		}
		t, err := template.New("url_template").Parse(l.URLTemplate)
		if err != nil {
			return "", err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, j); err != nil {
			return "", fmt.Errorf("external_agent_logs: url_template: %w", err)
		}
		return b.String(), nil
	}
	return "", nil
}

// fetch gets a log that is served as a file.
func (a *agents) fetch(ctx context.Context, address string, offset int64) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("external_agent_logs: %w", err)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("external_agent_logs: %w", err)
	}
	switch {
	case res.StatusCode == http.StatusNotFound:
		err = fmt.Errorf("external_agent_logs: %s: %w", address, fs.ErrNotExist)
	case res.StatusCode != http.StatusOK:
		err = fmt.Errorf("external_agent_logs: %s: %s", address, res.Status)
	default:
		_, err = io.CopyN(io.Discard, res.Body, offset)
		if err == nil || errors.Is(err, io.EOF) {
			return res.Body, nil
		}
	}
	return nil, errors.Join(err, res.Body.Close())
}
