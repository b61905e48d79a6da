package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
)

// Submit makes the ProwJob of a configured job, creates it in the cluster where
// ProwJobs are, and waits for its end. told hears of each state it comes to. The
// job is returned as far as it came, also with an error.
func Submit(ctx context.Context, o MakeOptions, files kube.Kubeconfig, log *slog.Logger, told func(*prow.Job)) (*prow.Job, error) {
	if o.All {
		return nil, errors.New("--trigger-job submits one job: name it with --job")
	}
	rows, err := Make(ctx, o)
	if err != nil {
		return nil, err
	}
	var j *prow.Job
	for r := range rows {
		j = r.ProwJob
	}
	dir, err := os.MkdirTemp("", "prow-mkpj-")
	if err != nil {
		return j, err
	}
	defer os.RemoveAll(dir)
	cfg, err := loadOrOwn(o.Paths, dir)
	if err != nil {
		return j, err
	}
	clusters, err := files.Load()
	if err != nil {
		return j, err
	}
	jobs, err := kube.Open(ctx, kube.Options{Config: clusters.Infrastructure, Namespace: cfg.ProwJobNamespace, Log: log})
	if err != nil {
		return j, fmt.Errorf("ProwJobs in namespace %s: %w", cfg.ProwJobNamespace, err)
	}
	defer jobs.Close()
	if err := jobs.Create(ctx, j); err != nil {
		return j, err
	}
	var last prow.State
	for id := range jobs.Watch(ctx) {
		if id != j.Name {
			continue
		}
		now, err := jobs.Get(ctx, id)
		if err != nil {
			return j, fmt.Errorf("%s is not there any more: %w", id, err)
		}
		if j = now; j.Status.State != last {
			last = j.Status.State
			told(j)
		}
		if j.Complete() {
			return j, nil
		}
	}
	return j, context.Cause(ctx)
}
