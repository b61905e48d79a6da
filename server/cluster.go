package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/github"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/podspec"
	"github.com/prow-ci/prow/postgres"
	"github.com/prow-ci/prow/tide"
)

// ClusterOptions say which Kubernetes keeps the jobs, and which ones run them.
type ClusterOptions struct {
	Kubeconfig kube.Kubeconfig
	// Database returns the address of a Postgres for webhooks and memory; nil keeps
	// them as resources in the cluster.
	Database func() (string, error)
	Storage  blob.Options // credentials of buckets
	Identity string       // of this process among its replicas; default the host's name and something new at each start
}

// singletons are the components of which one process at a time does the work.
var singletons = []string{"horologium", "plank", "crier", "sinker", "tide", pipelineComponent, jenkinsComponent}

// podsAtOnce is what one connection to an API server carries well while each
// request waits for etcd.
const podsAtOnce = 40

// openCluster keeps jobs as ProwJob resources, runs them as pods, and finds their
// files in buckets.
func (s *Server) openCluster(ctx context.Context) (*state, error) {
	o, cfg, st := s.o, s.live.Current(), &state{buckets: true, starts: podsAtOnce}
	files := o.Cluster.Kubeconfig
	files.Disabled = func() []string { return s.live.Current().DisabledClusters }
	clusters, err := files.Load()
	if err != nil {
		return st, err
	}
	jobs, err := kube.Open(ctx, kube.Options{
		Config: clusters.Infrastructure, Namespace: cfg.ProwJobNamespace, Answer: o.runs("plank"), Log: s.log("jobs"), Now: o.Now,
	})
	if err != nil {
		return st, fmt.Errorf("ProwJobs in namespace %s: %w", cfg.ProwJobNamespace, err)
	}
	st.Jobs, st.healthy = jobs, jobs.Healthy
	st.agentOf = func(id string) string { _, agent, _ := jobs.Where(id); return agent }
	st.close = append(st.close, jobs.Close)
	if err := s.openMemory(ctx, st, clusters, cfg); err != nil {
		return st, err
	}
	if slices.ContainsFunc([]string{"plank", "crier", "sinker", "deck", pipelineComponent}, o.runs) {
		if err := s.openPods(ctx, st, jobs, files, clusters, cfg); err != nil {
			return st, err
		}
	}
	if st.Artifacts, err = s.buckets(); err != nil {
		return st, err
	}
	st.lead = func(part, lease string, run func(context.Context) error) func(context.Context) error {
		e := kube.Election{
			Config: clusters.Infrastructure, Namespace: cfg.ProwJobNamespace, Name: lease, Identity: o.Cluster.Identity, Log: s.log(part), Now: o.Now,
		}
		return func(ctx context.Context) error { return e.Lead(ctx, run) }
	}
	st.facts = append(st.facts,
		deck.Fact{Name: "State", Text: fmt.Sprintf("ProwJobs in namespace %s of %s", cfg.ProwJobNamespace, clusters.Infrastructure.Host)},
		deck.Fact{Name: "Pods", Text: "in namespace " + cfg.PodNamespace})
	return st, nil
}

// openMemory opens what is to be remembered besides jobs.
func (s *Server) openMemory(ctx context.Context, st *state, clusters *kube.Clusters, cfg *config.Config) error {
	if s.o.Cluster.Database == nil {
		memory, err := kube.OpenState(ctx, kube.StateOptions{Config: clusters.Infrastructure, Namespace: cfg.ProwJobNamespace, Log: s.log("state"), Now: s.o.Now})
		if err != nil {
			return fmt.Errorf("ProwStates in namespace %s: %w", cfg.ProwJobNamespace, err)
		}
		st.Inbox, st.Memory, st.Journal = memory.Inbox, memory.Memory, memory.Journal
		st.close = append(st.close, memory.Close)
		return nil
	}
	address, err := s.o.Cluster.Database()
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, address, s.log("database"))
	if err != nil {
		return err
	}
	st.Inbox, st.Memory, st.Journal = db.Inbox, db.Memory, db.Journal
	st.close = append(st.close, db.Close)
	return nil
}

// clustersPause is between two looks at the kubeconfig files.
const clustersPause = time.Second

// openPods opens the clusters that run jobs, and follows their kubeconfigs.
func (s *Server) openPods(ctx context.Context, st *state, jobs *kube.Jobs, files kube.Kubeconfig, clusters *kube.Clusters, cfg *config.Config) error {
	log := s.log("pods")
	o := kube.RunnerOptions{
		Clusters: clusters.Build, Namespace: cfg.PodNamespace, ClusterOf: clusterOf(jobs), Pod: podspec.Options{}, Log: log, Now: s.o.Now,
	}
	st.pipelines = &pipelines{o: o}
	pods, err := kube.NewPods(clusters.Build, cfg.PodNamespace, s.o.Now)
	if err != nil {
		return err
	}
	st.Pods = pods
	set := func(c *kube.Clusters) error {
		return errors.Join(pods.SetClusters(c.Build), st.pipelines.setClusters(c))
	}
	if slices.ContainsFunc([]string{"plank", "sinker", "deck"}, s.o.runs) { // others need not follow pods
		runner, err := kube.NewRunner(o)
		if err != nil {
			return err
		}
		st.Runner, st.build = runner, &buildClusters{runner: runner, broken: clusters.Broken}
		st.close = append(st.close, runner.Close)
		others := set
		set = func(c *kube.Clusters) error {
			st.build.setBroken(c.Broken)
			return errors.Join(runner.SetClusters(c.Build), others(c))
		}
	}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	st.close = append(st.close, st.pipelines.close, func() error { stop(); return nil })
	go files.Follow(follow, clusters, clustersPause, func(c *kube.Clusters) {
		if err := set(c); err != nil {
			log.Error("new kubeconfig cannot be used, the last one stays", "error", err)
		}
	}, func(err error) { log.Error("new kubeconfig cannot be used, the last one stays", "error", err) })
	return nil
}

// clusterOf says where a job's pod is.
func clusterOf(jobs *kube.Jobs) func(id string) (string, bool) {
	return func(id string) (string, bool) {
		cluster, _, ok := jobs.Where(id)
		return cmp.Or(cluster, config.DefaultCluster), ok
	}
}

// buckets are the files of all jobs. Where the configuration says so, only buckets
// that it names can be looked at.
func (s *Server) buckets() (prow.Artifacts, error) {
	rest, err := blob.Dir(filepath.Join(s.o.Data, "artifacts"))
	if err != nil {
		return nil, err
	}
	return &blob.Buckets{Rest: rest, Bucket: func(ctx context.Context, address string) (prow.Artifacts, error) {
		if !s.live.Current().MayView(address) {
			return nil, fmt.Errorf("%s is no bucket of this Prow: %w", address, fs.ErrPermission)
		}
		return blob.Open(ctx, address, s.o.Cluster.Storage)
	}}, nil
}

// relay tells tide of webhooks that another process accepted, by the Inbox that
// they share.
func (s *Server) relay(merger *tide.Worker) func(context.Context) error {
	return func(ctx context.Context) error {
		var heard []string // the newest, as each is told of several times
		for id := range s.state.Inbox.Watch(ctx) {
			if slices.Contains(heard, id) {
				continue
			}
			if heard = append(heard, id); len(heard) > 1000 {
				heard = slices.Clone(heard[500:])
			}
			d, err := s.state.Inbox.Delivery(ctx, id)
			if err != nil {
				if !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
					s.log("tide").Warn("webhook could not be read; the next full pass sees what it said", "delivery", id, "error", err)
				}
				continue
			}
			events, err := github.ParseEvents(d.Event, d.ID, d.Body)
			if err != nil {
				continue // hook says so
			}
			for _, e := range events {
				merger.Wake(e)
			}
		}
		return nil
	}
}
