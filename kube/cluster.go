package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	prow "github.com/prow-ci/prow"
	"k8s.io/client-go/rest"
)

// cluster is one build cluster.
type cluster struct {
	contact
	config *rest.Config
	path   string   // of its pods, or of Tekton's API
	served []string // versions of Tekton's API
	only   string   // namespace of the PipelineRuns that may be seen; "" is all
	runs   *runs
	mirror *reflection
	stop   context.CancelFunc
	done   chan struct{}
}

// contact is the way to the API server of a build cluster.
type contact struct {
	alias string
	api   *api

	// silent says that the last call got no answer. Then one call at a time tries
	// whether that is still so, and all others fail at once: who works for all
	// clusters must not wait for this one.
	silent  atomic.Bool
	probing sync.Mutex
}

// Calls of a build cluster are short: whoever needs one tries again anyway.
const (
	clusterTries   = 3
	clusterTimeout = 10 * time.Second
)

func follow(alias string, config *rest.Config, namespace string, log *slog.Logger, tell func(...string)) (*cluster, error) {
	api, err := newAPI(config)
	if err != nil {
		return nil, err
	}
	// The list of a large cluster may take its time, a call may not.
	lists := *api
	api.tries, api.timeout = clusterTries, clusterTimeout
	c := &cluster{contact: contact{alias: alias, api: api}, config: config, path: "/api/v1/namespaces/" + namespace + "/pods",
		runs: newRuns(log, tell), done: make(chan struct{})}
	c.mirror = &reflection{api: &lists, path: c.path, mirror: c.runs, log: log,
		query: url.Values{"labelSelector": {prow.LabelCreatedByProw + "=true"}}}
	ctx, stop := context.WithCancel(context.Background()) // it lives until it is stopped
	c.stop = stop
	go func() {
		defer close(c.done)
		c.mirror.follow(ctx)
	}()
	return c, nil
}

func (c *cluster) end() {
	c.stop()
	<-c.done
}

// healthy says why what is known of a cluster may be old.
func (c *cluster) healthy() error {
	if err := c.mirror.healthy(); err != nil {
		return fmt.Errorf("cluster %s cannot be reached: %w", c.alias, err)
	}
	if !c.runs.known() {
		return fmt.Errorf("cluster %s has not answered yet", c.alias)
	}
	return nil
}

// call is a call that does not wait for a cluster that does not answer.
func (c *cluster) call(ctx context.Context, r request) ([]byte, error) {
	if err := c.healthy(); err != nil {
		return nil, err
	}
	return c.contact.call(ctx, r)
}

func (c *contact) call(ctx context.Context, r request) ([]byte, error) {
	if c.silent.Load() {
		if !c.probing.TryLock() {
			return nil, fmt.Errorf("cluster %s does not answer", c.alias)
		}
		defer c.probing.Unlock()
	}
	answer, _, err := c.api.call(ctx, r)
	if err == nil {
		c.silent.Store(false)
		return answer, nil
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // whose patience ended has heard nothing either
		c.silent.Store(!answered(err))
	}
	return nil, fmt.Errorf("cluster %s: %w", c.alias, err)
}
