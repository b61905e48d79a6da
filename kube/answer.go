package kube

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	prow "github.com/prow-ci/prow"
)

// hesitation is how long a wrong resource may stay so: whoever makes it may need
// a second request to make it right.
const hesitation = 2 * time.Second

// answer says on each wrong resource what is wrong with it.
func (s *Jobs) answer(ctx context.Context) {
	for id := range s.hub.Watch(ctx, s.cache.known) {
		e := s.cache.get(id)
		if e == nil || e.complete || e.state != "" && (e.ours || s.fault(e) == "") {
			continue
		}
		s.stopped.Go(func() {
			select {
			case <-time.After(hesitation):
			case <-ctx.Done():
				return
			}
			if err := s.answerOne(ctx, id); err != nil && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
				s.log.Error("a wrong ProwJob could not be answered", "job", id, "err", err)
			}
		})
	}
}

func (s *Jobs) answerOne(ctx context.Context, id string) error {
	_, err := s.Update(ctx, id, func(j *prow.Job) error {
		e := s.cache.get(id)
		if e == nil || j.Complete() {
			return prow.ErrUnchanged
		}
		fault := s.fault(e)
		switch {
		case fault == "" && j.Status.State != "":
			return prow.ErrUnchanged
		case j.Status.StartTime.IsZero():
			j.Status.StartTime = j.CreationTimestamp
		}
		switch {
		case fault == "":
			return j.Advance(prow.Triggered, s.now(), "It was created without a status, so it starts now.")
		case j.Status.State == prow.Aborted:
			return j.Finish(s.now())
		}
		s.log.Warn("a wrong ProwJob ends in error", "job", id, "fault", fault)
		return j.Advance(prow.Error, s.now(), "This ProwJob is wrong: "+fault+".")
	})
	return err
}

// fault says what is wrong with a resource, or "".
func (s *Jobs) fault(e *entry) string {
	j, err := s.cache.packer.unpack(e)
	if err != nil {
		return err.Error()
	}
	var pulls int
	if j.Spec.Refs != nil {
		pulls = len(j.Spec.Refs.Pulls)
	}
	needsPulls := j.Spec.Type == prow.Presubmit || j.Spec.Type == prow.Batch
	switch {
	case len(j.Name) > maxName:
		return fmt.Sprintf("its name is longer than %d characters, and its pod has it as a label", maxName)
	case j.Spec.Agent == "":
		return "spec.agent is missing, so nothing would run it; say kubernetes"
	case j.Spec.Type != prow.Periodic && j.Spec.Refs == nil:
		return fmt.Sprintf("spec.refs is missing, which a %s needs", j.Spec.Type)
	case needsPulls && pulls == 0:
		return fmt.Sprintf("spec.refs.pulls is empty, and a %s needs one", j.Spec.Type)
	case j.Spec.Agent == prow.KubernetesAgent && j.Spec.PodSpec == nil:
		return "spec.pod_spec is missing, which the agent kubernetes needs"
	case j.Spec.Agent == prow.KubernetesAgent && len(j.Spec.PodSpec.Containers) == 0:
		return "spec.pod_spec.containers is empty"
	}
	return ""
}

const maxName = 63
