package jenkins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"text/template"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"
)

// Worker runs the jobs of prow.JenkinsAgent that its entry of jenkins_operators
// describes.
type Worker struct {
	Jobs    prow.Jobs
	Jenkins *Client
	Journal prow.Journal
	Config  func() *config.Config
	// Selector is the label_selector of the entry; "" where there is one only.
	Selector string
	BuildID  func() string // a new one each time
	// Every is between two looks at Jenkins, default 30 seconds; Soon is between
	// them while something is about to change there, default 2 seconds.
	Every, Soon time.Duration
	// Patience is how long a build may be neither in the queue nor begun before it
	// counts as lost: Jenkins shows it in neither for a moment. Default 30 seconds.
	Patience time.Duration
	Metrics  *Metrics // nil counts nothing
	Log      *slog.Logger
	Now      prow.Clock

	mu      sync.Mutex
	began   time.Time
	notes   map[string]*note
	lessons map[string]bool // Jenkins jobs whose first build is only to be aborted
}

// note is what this process knows of a job beside its status. It may forget it
// all: the next process looks into Jenkins.
type note struct {
	asked   bool      // Jenkins was asked for a build, and said yes or nothing
	unsure  bool      // it said nothing
	item    int64     // of the queue
	missing time.Time // since when there is no build, or no Jenkins job
	looked  time.Time // first look that found no build
	stopped time.Time // first told to stop
}

// ErrNoOperator says that the configuration has no entry for this operator.
var ErrNoOperator = errors.New("no entry of jenkins_operators is for this operator")

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	w.begin()
	if _, err := w.operator(); err != nil {
		return err
	}
	wake := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { w.listen(ctx, wake) })
	for ctx.Err() == nil {
		again, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("pass failed, tried again later", "loop", "jenkins-operator", "err", err)
		}
		select {
		case <-wake:
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
	return nil
}

func (w *Worker) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began, w.notes, w.lessons = w.Now(), map[string]*note{}, map[string]bool{}
	for d, def := range map[*time.Duration]time.Duration{&w.Every: 30 * time.Second, &w.Soon: 2 * time.Second, &w.Patience: 30 * time.Second} {
		if *d == 0 {
			*d = def
		}
	}
}

// listen wakes the loop for jobs that others want started or stopped.
func (w *Worker) listen(ctx context.Context, wake chan<- struct{}) {
	last := map[string]prow.State{}
	for id := range w.Jobs.Watch(ctx) {
		j, err := w.Jobs.Get(ctx, id)
		if err != nil || j.Spec.Agent != prow.JenkinsAgent || j.Complete() {
			delete(last, id)
			continue
		}
		if state := j.Status.State; last[id] != state || state == "" {
			last[id] = state
			if state != prow.Pending {
				select {
				case wake <- struct{}{}:
				default:
				}
			}
		}
	}
}

// operator returns the entry of the configuration that is ours.
func (w *Worker) operator() (*config.JenkinsOperator, error) {
	ops := w.Config().JenkinsOperators
	for i := range ops {
		if ops[i].LabelSelector == w.Selector {
			return &ops[i], nil
		}
	}
	if w.Selector == "" {
		return nil, fmt.Errorf("%w: with one entry it has no label_selector; with several, say which with --label-selector", ErrNoOperator)
	}
	return nil, fmt.Errorf("%w: none has label_selector %q", ErrNoOperator, w.Selector)
}

// pass is one look at everything.
type pass struct {
	*Worker

	op     *config.JenkinsOperator
	builds map[string]*build
	jobs   []*prow.Job // oldest created first
	looked time.Time   // when the look into Jenkins began

	mu   sync.Mutex
	soon bool
	errs []error
}

// round looks at all jobs and their builds, and brings each job one step on. again
// is when to look again.
func (w *Worker) round(ctx context.Context) (again time.Duration, err error) {
	started := w.Now()
	op, err := w.operator()
	if err != nil {
		return w.Every, err
	}
	p := &pass{Worker: w, op: op, looked: started}
	if p.jobs, err = w.open(ctx, op.Selector); err != nil || len(p.jobs) == 0 {
		return w.Every, err
	}
	if p.builds, err = w.look(ctx, p.jobs); err != nil {
		return w.Every, err
	}
	if err := p.supersede(ctx); err != nil {
		return w.Every, err
	}
	p.act(ctx)
	w.forget(p.jobs)
	w.Metrics.passed(w.Now().Sub(started))
	again = w.Every
	if p.soon {
		again = w.Soon
	}
	return again, errors.Join(p.errs...)
}

// open lists the jobs that are ours and not complete, oldest created first.
func (w *Worker) open(ctx context.Context, selector labels.Selector) ([]*prow.Job, error) {
	no := false
	jobs, err := w.Jobs.List(ctx, prow.JobFilter{Complete: &no})
	if err != nil {
		return nil, err
	}
	jobs = slices.DeleteFunc(jobs, func(j *prow.Job) bool {
		return j.Spec.Agent != prow.JenkinsAgent || selector != nil && !selector.Matches(labels.Set(j.Labels))
	})
	slices.Reverse(jobs)
	return jobs, nil
}

// slack is how far Jenkins' clock may be behind ours.
const slack = time.Hour

// look finds the builds of jobs. The queue comes first: what leaves it meanwhile
// is found among the builds.
func (w *Worker) look(ctx context.Context, jobs []*prow.Job) (map[string]*build, error) {
	queue, err := w.Jenkins.queue(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]*build{}
	for _, b := range queue {
		found[b.job] = &b
	}
	wanted := map[string]map[string]bool{} // jobs by path
	since := w.Now()
	for _, j := range jobs {
		at := jobPath(j)
		if wanted[at] == nil {
			wanted[at] = map[string]bool{}
		}
		wanted[at][j.Name] = true
		if j.Status.StartTime.Time.Before(since) {
			since = j.Status.StartTime.Time
		}
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for at, ids := range wanted {
		g.Go(func() error {
			return w.Jenkins.builds(ctx, at, since.Add(-slack), func(b build) bool {
				mu.Lock()
				defer mu.Unlock()
				if ids[b.job] {
					delete(ids, b.job)
					found[b.job] = &b
				}
				return len(ids) > 0
			})
		})
	}
	return found, g.Wait()
}

// supersede aborts presubmits that a newer one has taken the place of.
func (p *pass) supersede(ctx context.Context) error {
	for _, old := range olderDuplicates(p.jobs) {
		_, err := p.update(ctx, old, func(j *prow.Job) error {
			return j.Supersede(p.Now(), "Aborted as the newer version of this job is running.")
		})
		if err != nil {
			return err
		}
		p.Log.Info("older job aborted", "job", old.Name, "name", old.Spec.Job)
	}
	return nil
}

// act takes each job's next step: first those that may give places back, then, in
// the order of their creation, those that want one.
func (p *pass) act(ctx context.Context) {
	var taken places
	for _, j := range p.jobs {
		if j.Status.Description == textEnqueued { // by this process or another
			p.note(j).asked = true
		}
		if b := p.builds[j.Name]; j.Status.State == prow.Pending || b != nil && !b.ended() || p.note(j).asked {
			taken.take(j)
		}
	}
	var g errgroup.Group
	g.SetLimit(max(p.op.MaxGoroutines, 1))
	for _, j := range p.jobs {
		b := p.builds[j.Name]
		s := decide(j, b, p.note(j).asked)
		if (s.do == start || s.do == finish && b == nil) && !p.certain(j) {
			p.again()
			continue
		}
		if s.do == start {
			if why := taken.full(j, p.op.MaxConcurrency); why != "" {
				s = step{do: tell, why: why}
			} else {
				taken.take(j)
			}
		}
		g.Go(func() error {
			if err := p.take(ctx, j, b, s); err != nil {
				p.fail(fmt.Errorf("job %s: %w", j.Name, err))
			}
			return nil
		})
	}
	_ = g.Wait() // errors are in p
}

// certain reports whether j has no build for sure. One that this process did not
// see coming may have left the queue a moment ago: it is looked for twice.
func (p *pass) certain(j *prow.Job) bool {
	n := p.note(j)
	if n.looked.IsZero() {
		n.looked = p.looked
	}
	return p.looked.Sub(n.looked) >= p.Soon || j.Status.StartTime.Time.After(p.began)
}

// note returns what is known of j; only the goroutine that acts on j uses it.
func (w *Worker) note(j *prow.Job) *note {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.notes[j.Name]
	if n == nil {
		n = &note{}
		w.notes[j.Name] = n
	}
	return n
}

// forget drops the notes of jobs that are not under way any more.
func (w *Worker) forget(open []*prow.Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.notes {
		if !slices.ContainsFunc(open, func(j *prow.Job) bool { return j.Name == id && !j.Complete() }) {
			delete(w.notes, id)
		}
	}
}

func (p *pass) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.soon = true
}

func (p *pass) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.soon = true
	p.errs = append(p.errs, err)
}

// update changes a job that is still in the state in which it was read.
func (w *Worker) update(ctx context.Context, j *prow.Job, change func(*prow.Job) error) (ok bool, err error) {
	from := j.Status.State
	now, err := w.Jobs.Update(ctx, j.Name, func(j *prow.Job) error {
		if ok = j.Status.State == from && !j.Complete(); !ok {
			return prow.ErrUnchanged
		}
		return change(j)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if ok = ok && err == nil; ok {
		*j = *now
	}
	return ok, err
}

// url is where a person looks at a build.
func (p *pass) url(j *prow.Job, b *build) string {
	if t := p.op.JobURLTemplate; t != nil {
		if u := render(t, j); u != "" {
			return u
		}
	}
	return p.Jenkins.base + b.path + "/" + strconv.Itoa(b.number) + "/"
}

func render(t *template.Template, j *prow.Job) string {
	var b bytes.Buffer
	if err := t.Execute(&b, j); err != nil {
		return "" // a link that cannot be made is left out
	}
	return b.String()
}
