package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Labels that Tekton gives to the pods of a PipelineRun.
const (
	tektonRunLabel  = "tekton.dev/pipelineRun"
	tektonTaskLabel = "tekton.dev/pipelineTask"
)

// stepsPause is between two looks for the next step of a run that is followed.
const stepsPause = time.Second

// Logs returns the output of one step, named task/step; "" is that of all steps,
// each under its name, in the order in which their tasks began.
func (p *Pipelines) Logs(ctx context.Context, id, container string, offset int64, follow bool) (io.ReadCloser, error) {
	c, h, err := p.runner.find(id)
	if err != nil {
		return nil, err
	}
	steps, err := c.steps(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("log of run %s: %w", id, err)
	}
	if container == "" {
		return p.allSteps(ctx, id, offset, follow)
	}
	i := slices.IndexFunc(steps, func(s step) bool { return s.name == container })
	if i < 0 {
		return nil, fmt.Errorf("run %s: %s: %w; it has %s", id, container, fs.ErrNotExist, namesOf(steps))
	}
	return c.stepOutput(ctx, id, steps[i], offset, follow)
}

// step is a container of a pod of a PipelineRun.
type step struct{ name, namespace, pod, container string }

func namesOf(steps []step) string {
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// steps lists the steps of the tasks that have begun, in the order of their pods.
func (c *cluster) steps(ctx context.Context, h held) (steps []step, err error) {
	q := url.Values{"labelSelector": {tektonRunLabel + "=" + h.name}}
	body, err := c.call(ctx, request{method: http.MethodGet, path: "/api/v1/namespaces/" + h.namespace + "/pods", query: q})
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	slices.SortStableFunc(list.Items, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	for _, pod := range list.Items {
		for _, container := range pod.Spec.Containers {
			if name, ok := strings.CutPrefix(container.Name, "step-"); ok {
				steps = append(steps, step{pod.Labels[tektonTaskLabel] + "/" + name, h.namespace, pod.Name, container.Name})
			}
		}
	}
	return steps, nil
}

func (c *cluster) stepOutput(ctx context.Context, id string, s step, offset int64, follow bool) (io.ReadCloser, error) {
	q := url.Values{"container": {s.container}}
	if follow {
		q.Set("follow", "true")
	}
	return c.output(ctx, id, "/api/v1/namespaces/"+s.namespace+"/pods/"+s.pod+"/log", q, offset)
}

// allSteps writes one step's output after the other.
func (p *Pipelines) allSteps(ctx context.Context, id string, offset int64, follow bool) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	out, in := io.Pipe()
	go func() {
		defer cancel()
		in.CloseWithError(p.writeSteps(ctx, in, id, follow))
	}()
	log := &joined{PipeReader: out, cancel: cancel}
	if _, err := io.CopyN(io.Discard, log, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// joined is a log whose writer ends with it.
type joined struct {
	*io.PipeReader

	cancel func()
}

func (j *joined) Close() error {
	j.cancel()
	return j.PipeReader.Close()
}

func (p *Pipelines) writeSteps(ctx context.Context, to io.Writer, id string, follow bool) error {
	written := map[step]bool{}
	for {
		c, h, err := p.runner.find(id)
		if err != nil {
			return err
		}
		steps, err := c.steps(ctx, h)
		if err != nil {
			return err
		}
		for _, s := range steps {
			if written[s] {
				continue
			}
			err := c.writeStep(ctx, to, id, s, follow)
			if apierrors.IsBadRequest(err) { // it has not begun
				break
			}
			if err != nil {
				return err
			}
			written[s] = true
		}
		if !follow || h.run.Phase == prow.Ended {
			return nil
		}
		select {
		case <-time.After(stepsPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *cluster) writeStep(ctx context.Context, to io.Writer, id string, s step, follow bool) error {
	from, err := c.stepOutput(ctx, id, s, 0, follow)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := fmt.Fprintf(to, "# %s\n", s.name); err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return err
}
