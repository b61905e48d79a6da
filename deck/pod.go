package deck

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	corev1 "k8s.io/api/core/v1"
)

// podView is what became of the pod of a run.
type podView struct {
	From       string           `json:"from"`              // cluster, or file: what crier kept
	Missing    string           `json:"missing,omitempty"` // what could not be had, in a sentence
	Hint       string           `json:"hint,omitempty"`    // what keeps it from its work, unless the run's sentence says so
	Cluster    string           `json:"cluster"`
	Namespace  string           `json:"namespace,omitempty"`
	Name       string           `json:"name"`
	Node       string           `json:"node,omitempty"`
	Phase      string           `json:"phase,omitempty"` // "" of a pod that is gone
	Link       string           `json:"link,omitempty"`  // as deck.spyglass.lenses says
	Containers []containerState `json:"containers"`      // as they come to work
	Conditions []podCondition   `json:"conditions"`
	Events     []podEvent       `json:"events"`          // newest last
	Older      int              `json:"older,omitempty"` // events left out
}

// containerState is how a container stands.
type containerState struct {
	Name     string     `json:"name"`
	Init     bool       `json:"init,omitempty"`
	State    string     `json:"state"` // waiting, running, passed or failed
	Reason   string     `json:"reason,omitempty"`
	Message  string     `json:"message,omitempty"`
	ExitCode *int32     `json:"exit_code,omitempty"`
	Restarts int32      `json:"restarts,omitempty"`
	Image    string     `json:"image"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Wrong    bool       `json:"wrong,omitempty"` // not by the test's own doing
}

// podCondition is a condition of a pod.
type podCondition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
	Wrong   bool      `json:"wrong,omitempty"` // not as it should be
}

// podEvent is something that was told of a pod, once or often.
type podEvent struct {
	Type      string    `json:"type"`
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	Container string    `json:"container,omitempty"`
	From      string    `json:"from,omitempty"`
	Count     int32     `json:"count"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// Warning reports whether e is one.
func (e podEvent) Warning() bool { return e.Type == corev1.EventTypeWarning }

// Wrong lists what is not as it should be, in few words.
func (v podView) Wrong() []wrongThing {
	var out []wrongThing
	for _, c := range v.Containers {
		if c.Wrong {
			out = append(out, wrongThing{c.State, c.Name, c.Text()})
		}
	}
	for _, c := range v.Conditions {
		if c.Wrong {
			out = append(out, wrongThing{"error", c.Type, cmp.Or(c.Reason, "is "+strings.ToLower(c.Status))})
		}
	}
	return out
}

// wrongThing is a container or a condition that is not as it should be.
type wrongThing struct{ State, Name, Text string }

// Open reports whether a reader wants to see all of it at once.
func (v podView) Open() bool { return v.Phase == string(corev1.PodPending) || v.Phase == "" }

// Warnings counts the events that are warnings.
func (v podView) Warnings() (n int) {
	for _, e := range v.Events {
		if e.Warning() {
			n++
		}
	}
	return n
}

// Took says how long a container worked that has ended.
func (c containerState) Took() string {
	if c.Started == nil || c.Finished == nil {
		return ""
	}
	return length(c.Finished.Sub(*c.Started))
}

// Text says how a container stands, without its message.
func (c containerState) Text() string {
	var parts []string
	switch {
	case c.Reason == "OOMKilled":
		parts = append(parts, "ran out of memory and was killed")
	case c.ExitCode != nil && (c.Reason == "" || c.Reason == "Completed" || c.Reason == "Error"):
		parts = append(parts, fmt.Sprintf("exited with %d", *c.ExitCode))
	case c.ExitCode != nil:
		parts = append(parts, fmt.Sprintf("%s, exited with %d", c.Reason, *c.ExitCode))
	case c.Reason != "":
		parts = append(parts, c.Reason)
	}
	if c.Restarts > 0 {
		parts = append(parts, "restarted "+plural(int(c.Restarts), "time", "times"))
	}
	return strings.Join(parts, ", ")
}

// Bounds of what is shown, and of how long a page waits for a cluster.
const (
	eventsShown  = 100
	messageShown = 1000
	podTime      = 2 * time.Second
	podFresh     = time.Second // what was heard so lately is not asked for again
)

// isPod reports whether the run of j is, or was, a pod.
func isPod(j *prow.Job) bool { return j.Spec.Agent == prow.KubernetesAgent && j.Status.BuildID != "" }

// pod says what became of the pod of j; nil if that is not known. While it runs
// the cluster knows, afterwards the file that crier kept.
func (s *Server) pod(ctx context.Context, j *prow.Job, sentence string) *podView {
	if !isPod(j) {
		return nil
	}
	var info prow.PodInfo
	var err error
	from := "file"
	if j.Complete() {
		info = s.keptPod(j)
	}
	if info.Empty() {
		if info, err = s.podNow(ctx, j); !info.Empty() {
			from = "cluster"
		} else if !j.Complete() {
			info = s.keptPod(j)
		}
	}
	missing := ""
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		missing = "Its cluster does not say all of it just now."
	}
	if info.Empty() && missing == "" {
		return nil
	}
	v := viewPod(info)
	v.From, v.Missing = from, missing
	v.Cluster, v.Name = cmp.Or(j.Spec.Cluster, config.DefaultCluster), cmp.Or(v.Name, j.Name)
	if text, known := hint(info); !said(sentence, known) {
		v.Hint = text
	}
	if info.Pod != nil {
		v.Link = s.podLink(v.Cluster, info.Pod)
	}
	return &v
}

func (s *Server) keptPod(j *prow.Job) (info prow.PodInfo) {
	if !s.readJSON(path.Join(s.dir(j), prow.PodInfoFile), &info) {
		return prow.PodInfo{}
	}
	return info
}

// heardPods remembers for a moment what clusters said, so that many readers of a
// page are one to them.
type heardPods struct {
	mu   sync.Mutex
	of   map[string]*heardPod // by the job's ID
	told string               // last error that was logged
}

type heardPod struct {
	once sync.Once
	info prow.PodInfo
	err  error
}

// podNow asks the cluster of j for its pod.
func (s *Server) podNow(ctx context.Context, j *prow.Job) (prow.PodInfo, error) {
	if s.Pods == nil {
		return prow.PodInfo{}, fs.ErrNotExist
	}
	h := &s.heard
	h.mu.Lock()
	if h.of == nil {
		h.of = map[string]*heardPod{}
	}
	p := h.of[j.Name]
	if p == nil {
		p = &heardPod{}
		h.of[j.Name] = p
	}
	h.mu.Unlock()
	p.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), podTime)
		defer cancel()
		p.info, p.err = s.Pods.Pod(ctx, j)
		time.AfterFunc(podFresh, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			delete(h.of, j.Name)
		})
		s.tellOnce(p.err)
	})
	return p.info, p.err
}

// tellOnce logs why a cluster does not say all, not once for each look.
func (s *Server) tellOnce(err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.heard.mu.Lock()
	defer s.heard.mu.Unlock()
	if text := err.Error(); text != s.heard.told {
		s.heard.told = text
		s.Log.Warn("not all could be had of a pod", "err", err)
	}
}

// podMark changes when what is known of the pod of a run that goes on does.
func (s *Server) podMark(ctx context.Context, id string) string {
	if id == "" || s.Pods == nil {
		return ""
	}
	j, err := s.Jobs.Get(ctx, id)
	if err != nil || j.Complete() || !isPod(j) {
		return ""
	}
	info, _ := s.podNow(ctx, j) // what is missing now shows when it comes
	var b strings.Builder
	if info.Pod != nil {
		b.WriteString(info.Pod.ResourceVersion)
	}
	for _, e := range info.Events {
		fmt.Fprintf(&b, " %s/%s", e.UID, e.ResourceVersion)
	}
	return b.String()
}

// podLink is where people look at a pod, by the settings of the lens podinfo.
func (s *Server) podLink(alias string, pod *corev1.Pod) string {
	for _, l := range s.Config().Deck.Spyglass.Lenses {
		var settings config.PodInfoLens
		if l.Lens.Name != "podinfo" || l.Lens.Settings(&settings) != nil {
			continue
		}
		t, err := template.New("pod_link_template").Parse(settings.RunnerConfigs[alias].PodLinkTemplate)
		if err != nil {
			s.Log.Warn("pod_link_template is not a template", "cluster", alias, "err", err)
			continue
		}
		var b bytes.Buffer
		if err := t.Execute(&b, pod); err != nil {
			s.Log.Warn("pod_link_template cannot be filled in", "cluster", alias, "err", err)
			continue
		}
		if u, err := url.Parse(strings.TrimSpace(b.String())); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
			return u.String()
		}
	}
	return ""
}

func viewPod(info prow.PodInfo) podView {
	v := podView{Containers: []containerState{}, Conditions: []podCondition{}, Events: []podEvent{}}
	for _, e := range info.Events {
		v.Events = append(v.Events, viewEvent(&e))
	}
	slices.SortStableFunc(v.Events, func(a, b podEvent) int { return cmp.Or(a.Last.Compare(b.Last), a.First.Compare(b.First)) })
	if v.Older = max(0, len(v.Events)-eventsShown); v.Older > 0 {
		v.Events = v.Events[v.Older:]
	}
	p := info.Pod
	if p == nil {
		return v
	}
	v.Namespace, v.Name, v.Node, v.Phase = p.Namespace, p.Name, p.Spec.NodeName, string(p.Status.Phase)
	add := func(list []corev1.Container, states []corev1.ContainerStatus, initial bool) {
		for _, c := range list {
			at := slices.IndexFunc(states, func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
			state := corev1.ContainerStatus{}
			if at >= 0 {
				state = states[at]
			}
			out := viewContainer(c.Name, state)
			out.Init, out.Image = initial, c.Image
			v.Containers = append(v.Containers, out)
		}
	}
	add(p.Spec.InitContainers, p.Status.InitContainerStatuses, true)
	add(p.Spec.Containers, p.Status.ContainerStatuses, false)
	for _, c := range p.Status.Conditions {
		v.Conditions = append(v.Conditions, podCondition{string(c.Type), string(c.Status), c.Reason, clipText(c.Message), c.LastTransitionTime.Time, wrong(p, c)})
	}
	return v
}

// wrong reports whether a condition is not as it should be at this point in the
// life of a pod that works and ends. Whether such a pod is ready to serve does not
// matter.
func wrong(p *corev1.Pod, c corev1.PodCondition) bool {
	switch c.Type {
	case corev1.DisruptionTarget:
		return c.Status == corev1.ConditionTrue
	case corev1.PodScheduled:
		return c.Status != corev1.ConditionTrue
	case corev1.PodInitialized:
		return c.Status != corev1.ConditionTrue && p.Status.Phase == corev1.PodFailed
	}
	return c.Status == corev1.ConditionUnknown
}

func viewContainer(name string, s corev1.ContainerStatus) containerState {
	out := containerState{Name: name, State: "waiting", Restarts: s.RestartCount, Wrong: s.RestartCount > 0}
	switch {
	case s.State.Running != nil:
		out.State, out.Started = "running", timeOf(s.State.Running.StartedAt.Time)
	case s.State.Terminated != nil:
		t := s.State.Terminated
		out.State, out.Reason, out.ExitCode = "passed", t.Reason, &t.ExitCode
		if t.ExitCode != 0 || t.Reason == "OOMKilled" {
			out.State, out.Message = "failed", clipText(t.Message)
			out.Wrong = out.Wrong || t.Reason != "Error"
		}
		out.Started, out.Finished = timeOf(t.StartedAt.Time), timeOf(t.FinishedAt.Time)
	case s.State.Waiting != nil:
		w := s.State.Waiting
		out.Reason, out.Message = w.Reason, clipText(w.Message)
		out.Wrong = out.Wrong || !usual(w)
	}
	return out
}

// usual reports whether a container waits for nothing but its turn.
func usual(w *corev1.ContainerStateWaiting) bool {
	return w.Reason == "" || w.Reason == "PodInitializing" || w.Reason == "ContainerCreating"
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// containerOf matches what an event says about its place in a pod.
var containerOf = regexp.MustCompile(`[cC]ontainers\{(.+)\}`)

func viewEvent(e *corev1.Event) podEvent {
	out := podEvent{
		Type: e.Type, Reason: e.Reason, Message: clipText(e.Message), From: cmp.Or(e.Source.Component, e.ReportingController), Count: max(e.Count, 1),
		First: e.FirstTimestamp.Time, Last: e.LastTimestamp.Time,
	}
	if m := containerOf.FindStringSubmatch(e.InvolvedObject.FieldPath); m != nil {
		out.Container = m[1]
	}
	if out.First.IsZero() {
		out.First = e.EventTime.Time
	}
	if out.First.IsZero() {
		out.First = e.CreationTimestamp.Time
	}
	if s := e.Series; s != nil {
		out.Count, out.Last = max(out.Count, s.Count), s.LastObservedTime.Time
	}
	if out.Last.Before(out.First) {
		out.Last = out.First
	}
	return out
}

// clipText makes a message fit to be shown.
func clipText(text string) string {
	text = strings.TrimSpace(text)
	if r := []rune(text); len(r) > messageShown {
		return string(r[:messageShown]) + "…"
	}
	return text
}
