package deck

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/trigger"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// may asks whether the reader may do action.
func (s *Server) may(r *http.Request, action string, j *prow.Job) (user string, err error) {
	if s.May == nil {
		return "", prow.Refuse("Here nobody may do this from a page. In a comment on the pull request, /test and /retest start jobs again.")
	}
	return s.May(r, action, j)
}

// act reruns or aborts the run that the address names, and returns the run to
// look at afterwards.
func (s *Server) act(r *http.Request, action string) (*prow.Job, error) {
	j, err := s.get(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	user, err := s.may(r, action, j)
	if err != nil {
		return nil, err
	}
	if action == "abort" {
		return s.abort(r.Context(), j.Name, user)
	}
	return s.rerun(r.Context(), j, user, r.URL.Query().Get("mode"))
}

// rerun creates a copy of j that has not run yet. Asked again within the same
// second, as by a double click, it is the same copy, unless that has ended.
func (s *Server) rerun(ctx context.Context, j *prow.Job, user, mode string) (*prow.Job, error) {
	n, err := s.again(j, mode)
	if err != nil {
		return nil, err
	}
	for {
		old, err := s.Jobs.Get(ctx, n.Name)
		if err != nil || !old.Status.State.Final() {
			break // an error is met again by Create
		}
		n.Name = trigger.JobID("rerun "+n.Name, j.Spec.Job, j.MainRefs())
	}
	n.Annotations[prow.AnnotationRerunOf] = j.Name
	why := "Run again from a page."
	if user != "" {
		why = fmt.Sprintf("Run again by %s.", user)
	}
	n.Annotations[prow.AnnotationWhy], n.Status.Description = why, why
	if cfg := s.Config(); cfg != nil && cfg.Scheduler.Enabled {
		n.Status.State = prow.Scheduling
	}
	if err := s.Jobs.Create(ctx, n); err != nil {
		return nil, err
	}
	s.Log.Info("job run again", "job", j.Spec.Job, "run", n.Name, "of", j.Name, "user", user)
	return n, s.note(ctx, n, user, fmt.Sprintf("%s runs again", n.Spec.Job))
}

// again returns what a rerun of j is: the same job, or with the mode latest the job
// of this name as it is configured now.
func (s *Server) again(j *prow.Job, mode string) (*prow.Job, error) {
	n := again(j, s.Now())
	switch mode {
	case "", "original":
		return n, nil
	case "latest":
		return latest(s.Config(), j, n)
	}
	return nil, badRequest("There is no mode %s.", "mode is original or latest.", mode)
}

// latest returns n, the rerun of j, as the central configuration has it now.
func latest(cfg *config.Config, j, n *prow.Job) (*prow.Job, error) {
	at, extra := n.Status.StartTime.Time, trigger.Extra{Labels: map[string]string{}}
	for _, l := range []string{prow.LabelEventGUID, prow.LabelByTide} {
		if v, ok := j.Labels[l]; ok {
			extra.Labels[l] = v
		}
	}
	var found []*prow.Job
	refs := j.MainRefs()
	switch {
	case cfg == nil || j.Spec.Type == prow.Batch || refs == nil && j.Spec.Type != prow.Periodic:
		return nil, badRequest("A %s cannot be run as it is configured now.", "Run it again as it was.", j.Spec.Type)
	case j.Spec.Type == prow.Periodic:
		if p := cfg.Periodic(j.Spec.Job); p != nil {
			found = append(found, trigger.PeriodicJob(cfg, p, n.Name, at, extra))
		}
	case j.Spec.Type == prow.Presubmit:
		for _, p := range cfg.Presubmits(refs.RepoID()) {
			if p.Name == j.Spec.Job && p.ShouldRun(refs.BaseRef) {
				found = append(found, trigger.PresubmitJob(cfg, &p, *refs, n.Name, at, extra))
			}
		}
	case j.Spec.Type == prow.Postsubmit:
		for _, p := range cfg.Postsubmits(refs.RepoID()) {
			if p.Name == j.Spec.Job && p.ShouldRun(refs.BaseRef) {
				found = append(found, trigger.PostsubmitJob(cfg, &p, *refs, n.Name, at, extra))
			}
		}
	}
	if len(found) != 1 {
		return nil, badRequest("The central configuration has %d jobs %s for this, not one.", "Run it again as it was.", len(found), j.Spec.Job)
	}
	if found[0].Annotations == nil {
		found[0].Annotations = map[string]string{}
	}
	return found[0], nil
}

// again returns a copy of j with a name and a life of its own.
func again(j *prow.Job, now time.Time) *prow.Job {
	n := &prow.Job{
		TypeMeta:   j.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Namespace: j.Namespace, Labels: maps.Clone(j.Labels), Annotations: maps.Clone(j.Annotations)},
		Spec:       j.Spec,
		Status:     prow.Status{State: prow.Triggered, StartTime: metav1.NewTime(now)},
	}
	n.Name = trigger.JobID("rerun "+j.Name+now.UTC().Format(" 20060102T150405"), j.Spec.Job, j.MainRefs())
	if n.Annotations == nil {
		n.Annotations = map[string]string{}
	}
	for _, l := range []string{prow.LabelID, prow.LabelBuildID, prow.LabelPlankVersion} {
		delete(n.Labels, l)
	}
	delete(n.Annotations, prow.AnnotationTick) // the clock has nothing to do with it
	return n
}

// abort asks for the end of a run. Its agent ends it.
func (s *Server) abort(ctx context.Context, id, user string) (*prow.Job, error) {
	why := "Aborted from a page."
	if user != "" {
		why = fmt.Sprintf("Aborted by %s.", user)
	}
	j, err := s.Jobs.Update(ctx, id, func(j *prow.Job) error {
		if j.Status.State.Final() {
			return &fault{http.StatusConflict, fmt.Sprintf("This run has ended already: it is %s.", word(j.Status.State)), "There is nothing left to abort."}
		}
		return j.Advance(prow.Aborted, s.Now(), why)
	})
	if err != nil {
		return nil, err
	}
	s.Log.Info("job aborted", "job", j.Spec.Job, "run", id, "user", user)
	return j, s.note(ctx, j, user, fmt.Sprintf("%s is aborted", j.Spec.Job))
}

// note tells the story of the pull request what a person did here.
func (s *Server) note(ctx context.Context, j *prow.Job, user, text string) error {
	refs := j.MainRefs()
	if refs == nil {
		return nil
	}
	where := prow.IssueID{Repo: refs.RepoID()}
	if p := j.Pull(); p != nil {
		where.Number = p.Number
	}
	return s.Journal.Record(ctx, prow.Note{At: s.Now(), Where: where, Who: "deck", Kind: "command", Text: text, By: user, Job: j.Name, URL: runPath(j.Name)})
}

func (s *Server) formAct(action string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		j, err := s.act(r, action)
		if err != nil {
			s.fail(w, r, err, false)
			return
		}
		http.Redirect(w, r, runPath(j.Name)+"?did="+action, http.StatusSeeOther)
	}
}

func (s *Server) apiAct(action string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		j, err := s.act(r, action)
		if err != nil {
			s.fail(w, r, err, true)
			return
		}
		s.respondJSON(w, r, http.StatusAccepted, rowOf(j, s.Now()))
	}
}

// replay makes a delivery wait again.
func (s *Server) replay(r *http.Request) (id string, err error) {
	d, err := s.getDelivery(r)
	if err != nil {
		return "", err
	}
	user, err := s.may(r, "replay", nil)
	if err != nil {
		return "", err
	}
	s.Log.Info("delivery replayed", "delivery", d.ID, "user", user)
	return d.ID, s.Inbox.Replay(r.Context(), d.ID)
}

func (s *Server) formReplay(w http.ResponseWriter, r *http.Request) {
	id, err := s.replay(r)
	if err != nil {
		s.fail(w, r, err, false)
		return
	}
	http.Redirect(w, r, "/delivery/"+url.PathEscape(id)+"?did=replay", http.StatusSeeOther)
}

func (s *Server) apiReplay(w http.ResponseWriter, r *http.Request) {
	if _, err := s.replay(r); err != nil {
		s.fail(w, r, err, true)
		return
	}
	d, err := s.getDelivery(r)
	if err != nil {
		s.fail(w, r, err, true)
		return
	}
	s.respondJSON(w, r, http.StatusAccepted, lineOfDelivery(d))
}
