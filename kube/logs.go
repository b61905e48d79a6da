package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Logs returns the output of a container, read through the API server. "" is the
// first test's. A container that has not begun has no log yet.
func (r *Runner) Logs(ctx context.Context, id, container string, offset int64, follow bool) (io.ReadCloser, error) {
	c, h, err := r.find(id)
	if err != nil {
		return nil, err
	}
	if container == "" && len(h.run.Containers) > 0 {
		container = h.run.Containers[0]
	}
	if !slices.Contains(h.run.Containers, container) {
		return nil, fmt.Errorf("run %s: container %s: %w; it has %s", id, container, fs.ErrNotExist, strings.Join(h.run.Containers, ", "))
	}
	if !h.scheduled { // of such a pod the API server says that its log is empty
		return nil, fmt.Errorf("log of run %s: %w: no node has taken its pod yet", id, fs.ErrNotExist)
	}
	q := url.Values{"container": {container}}
	if follow {
		q.Set("follow", "true")
	}
	return c.output(ctx, id, c.path+"/"+h.name+"/log", q, offset)
}

// output is the log at a path of the API server, from an offset on.
func (c *cluster) output(ctx context.Context, id, path string, q url.Values, offset int64) (io.ReadCloser, error) {
	req := request{method: http.MethodGet, path: path, query: q, accept: "*/*"}
	res, err := c.api.send(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("log of run %s: cluster %s: %w", id, c.alias, err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // the code says enough
		err := failure(req, res, body)
		if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) { // so it says that a container has not begun
			err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
		return nil, fmt.Errorf("log of run %s: cluster %s: %w", id, c.alias, err)
	}
	// The API server knows no offset: what was seen before is read over.
	if _, err := io.CopyN(io.Discard, res.Body, offset); err != nil && !errors.Is(err, io.EOF) {
		res.Body.Close()
		return nil, fmt.Errorf("log of run %s: cluster %s: %w", id, c.alias, err)
	}
	return res.Body, nil
}
