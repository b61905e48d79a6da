package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	prow "github.com/prow-ci/prow"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Stop gives the pod of a run a deadline of a second. Its containers then get
// their grace period, and unlike a deleted one the pod stays, with how it ended
// and its logs. A pod that no node has taken is deleted.
func (r *Runner) Stop(ctx context.Context, id, why string) error {
	c, h, err := r.find(id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (h.run.Phase == prow.Ended || h.stopping) {
		return nil
	}
	if err != nil {
		return err
	}
	if !h.scheduled {
		return c.remove(ctx, h, nil)
	}
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{annotationStop: why}, "uid": h.uid},
		"spec":     map[string]any{"activeDeadlineSeconds": 1},
	})
	if err != nil {
		return err
	}
	answer, err := c.call(ctx, request{method: http.MethodPatch, path: c.path + "/" + h.name, kind: "application/merge-patch+json", body: body})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // it is gone, and perhaps another is in its place
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop run %s: %w", id, err)
	}
	_, err = c.runs.take(answer)
	return err
}

// Remove deletes the pod of a run. A container that still runs is killed; on a
// node that was lost nobody could confirm that, so there the pod is taken away
// at once. Finalizers that the original Prow left are dropped.
func (r *Runner) Remove(ctx context.Context, id string) error {
	c, h, err := r.find(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	grace := int64(1)
	if h.run.Lost || !h.scheduled {
		grace = 0
	}
	return c.remove(ctx, h, &grace)
}

func (c *cluster) remove(ctx context.Context, h held, grace *int64) error {
	if err := c.dropFinalizers(ctx, h); err != nil {
		return err
	}
	options := map[string]any{"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": map[string]string{"uid": h.uid}}
	if grace != nil {
		options["gracePeriodSeconds"] = *grace
	}
	body, err := json.Marshal(options)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, request{method: http.MethodDelete, path: c.path + "/" + h.name, kind: "application/json", body: body})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("remove run %s: %w", h.run.ID, err)
	}
	c.runs.forget(h.run.ID, h.uid)
	return nil
}

// ourFinalizers are those of the original Prow: its crier held pods until it had
// reported them.
const ourFinalizers = "prow.x-k8s.io/"

func (c *cluster) dropFinalizers(ctx context.Context, h held) error {
	var keep []string
	for _, f := range h.finalizers {
		if !strings.HasPrefix(f, ourFinalizers) {
			keep = append(keep, f)
		}
	}
	if len(keep) == len(h.finalizers) {
		return nil
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": keep, "uid": h.uid}})
	if err != nil {
		return err
	}
	_, err = c.call(ctx, request{method: http.MethodPatch, path: c.path + "/" + h.name, kind: "application/merge-patch+json", body: body})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove run %s: %w", h.run.ID, err)
	}
	return nil
}
