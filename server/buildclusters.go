package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/deck"
	"github.com/prow-ci/prow/kube"
)

// buildClusters are those that jobs run on, and those whose settings are of no use.
// A nil one has none.
type buildClusters struct {
	runner *kube.Runner

	mu     sync.Mutex
	broken map[string]error
}

func (b *buildClusters) setBroken(broken map[string]error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = broken
}

func (b *buildClusters) unusable() map[string]error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.broken)
}

// facts says of each cluster how it is now.
func (b *buildClusters) facts() (out []deck.Fact) {
	if b == nil {
		return nil
	}
	texts := map[string]string{}
	for alias, err := range b.runner.Clusters() {
		texts[alias] = "reached"
		if err != nil {
			texts[alias] = err.Error()
		}
	}
	for alias, err := range b.unusable() {
		texts[alias] = "cannot be used: " + err.Error()
	}
	for _, alias := range slices.Sorted(maps.Keys(texts)) {
		out = append(out, deck.Fact{Name: "Cluster " + alias, Text: texts[alias]})
	}
	return out
}

// states are those of plank.build_cluster_status_file.
func (b *buildClusters) states(ctx context.Context) map[string]kube.ClusterState {
	states, _ := b.runner.States(ctx) // why is on the pages
	for alias := range b.unusable() {
		states[alias] = kube.Unusable
	}
	return states
}

// statusPause is between two writings of the status file.
const statusPause = time.Minute

// withStatusFile runs plank and tells, in the file that the configuration names, how
// the build clusters are.
func (s *Server) withStatusFile(run func(context.Context) error) func(context.Context) error {
	if s.state.build == nil {
		return run
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		all.Go(func() { s.tellClusters(ctx) })
		defer all.Wait()
		defer cancel()
		return run(ctx)
	}
}

func (s *Server) tellClusters(ctx context.Context) {
	for ctx.Err() == nil {
		name := s.live.Current().Plank.BuildClusterStatusFile
		if name != "" {
			if err := s.writeStatus(ctx, name); err != nil && ctx.Err() == nil {
				s.log("plank").Warn("status of the build clusters was not written, tried again in a minute", "file", name, "error", err)
			}
		}
		select {
		case <-time.After(statusPause):
		case <-ctx.Done():
		}
	}
}

func (s *Server) writeStatus(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, statusPause)
	defer cancel()
	b, err := json.Marshal(s.state.build.states(ctx))
	if err != nil {
		return err
	}
	return writeServed(ctx, name, prow.Served{ContentType: "application/json", CacheControl: "no-cache"}, b, s.o.Cluster.Storage)
}

// writeServed writes a file of this machine, or of a bucket, all of it or nothing.
func writeServed(ctx context.Context, name string, how prow.Served, b []byte, o blob.Options) error {
	if scheme, _, ok := strings.Cut(name, "://"); !ok || scheme == "file" {
		name = strings.TrimPrefix(name, "file://")
		fresh := name + ".new"
		if err := os.WriteFile(fresh, b, 0o644); err != nil {
			return err
		}
		return os.Rename(fresh, name)
	}
	cut := strings.LastIndex(name, "/")
	bucket, err := blob.Open(ctx, name[:cut], o)
	if err != nil {
		return err
	}
	create := func() (io.WriteCloser, error) { return bucket.Create(ctx, name[cut+1:]) }
	if serving, ok := bucket.(prow.ServingArtifacts); ok {
		create = func() (io.WriteCloser, error) { return serving.CreateServed(ctx, name[cut+1:], how) }
	}
	w, err := create()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = w.Write(b)
	return errors.Join(err, w.Close())
}
