// Package client speaks to deck's API for the command line.
//
// Takes: the address of deck and calls. Gives: what it answers, as values, and
// errors that say what deck said. Woken by: its callers.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// Client calls one deck. Its zero value is of no use: URL is needed.
type Client struct {
	URL   string // of deck, for example http://127.0.0.1:8080
	Token string // sent as a bearer token where it is not empty
	HTTP  *http.Client
}

// Error is an answer that is not a success.
type Error struct {
	Code int
	Text string
	Hint string
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Text + " " + e.Hint
	}
	return e.Text
}

// Job is a run as lists show it.
type Job struct {
	ID        string         `json:"id"`
	Job       string         `json:"job"`
	Type      prow.Type      `json:"type"`
	State     prow.State     `json:"state"`
	Word      string         `json:"word"` // the state as people say it
	Why       string         `json:"why,omitempty"`
	Repo      string         `json:"repo,omitempty"`
	Base      string         `json:"base,omitempty"`
	BaseSHA   string         `json:"base_sha,omitempty"`
	Pulls     []prow.PullRef `json:"pulls,omitempty"`
	Context   string         `json:"context,omitempty"`
	Cluster   string         `json:"cluster,omitempty"`
	BuildID   string         `json:"build_id,omitempty"`
	Optional  bool           `json:"optional,omitempty"`
	Created   time.Time      `json:"created"`
	Started   *time.Time     `json:"started,omitempty"`
	Finished  *time.Time     `json:"finished,omitempty"`
	Seconds   float64        `json:"seconds,omitempty"`
	RerunOf   string         `json:"rerun_of,omitempty"`
	Because   string         `json:"because,omitempty"`
	RerunWith string         `json:"rerun_with,omitempty"`
}

// Done reports whether nothing of the run is going on any more.
func (j *Job) Done() bool { return j.Finished != nil }

// Jobs is a page of a list of runs.
type Jobs struct {
	Jobs   []Job          `json:"jobs"`
	Counts map[string]int `json:"counts"`
	Total  int            `json:"total"`
	Next   string         `json:"next,omitempty"`
}

// Filter asks for runs; the zero value of a field asks nothing.
type Filter struct {
	Repo, Job, State, Type, Author, Cluster, Since, Before string
	Pull, Limit                                            int
}

// Jobs lists runs, newest first.
func (c *Client) Jobs(ctx context.Context, f Filter) (*Jobs, error) {
	q := url.Values{}
	for k, v := range map[string]string{
		"repo": f.Repo, "job": f.Job, "state": f.State, "type": f.Type, "author": f.Author, "cluster": f.Cluster, "since": f.Since, "before": f.Before,
	} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if f.Pull > 0 {
		q.Set("pull", strconv.Itoa(f.Pull))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[Jobs](ctx, c, "/jobs", q)
}

// Run is one run.
type Run struct {
	Run      Job    `json:"run"`
	Sentence string `json:"sentence"` // why it is where it is
	Doing    string `json:"doing,omitempty"`
	Command  string `json:"command"`
	Pod      *Pod   `json:"pod,omitempty"`
}

// Pod is what became of the pod of a run.
type Pod struct {
	From       string      `json:"from"` // cluster, or file
	Missing    string      `json:"missing,omitempty"`
	Hint       string      `json:"hint,omitempty"` // what keeps it from its work, unless the run's sentence says so
	Cluster    string      `json:"cluster"`
	Namespace  string      `json:"namespace,omitempty"`
	Name       string      `json:"name"`
	Node       string      `json:"node,omitempty"`
	Phase      string      `json:"phase,omitempty"`
	Link       string      `json:"link,omitempty"`
	Containers []Container `json:"containers"`
	Conditions []Condition `json:"conditions"`
	Events     []Event     `json:"events"` // newest last
	Older      int         `json:"older,omitempty"`
}

// Container is how a container of a pod stands.
type Container struct {
	Name     string     `json:"name"`
	Init     bool       `json:"init,omitempty"`
	State    string     `json:"state"` // waiting, running, passed or failed
	Reason   string     `json:"reason,omitempty"`
	Message  string     `json:"message,omitempty"`
	ExitCode *int       `json:"exit_code,omitempty"`
	Restarts int        `json:"restarts,omitempty"`
	Image    string     `json:"image"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Wrong    bool       `json:"wrong,omitempty"` // not by the test's own doing
}

// Condition is a condition of a pod.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
	Wrong   bool      `json:"wrong,omitempty"`
}

// Event is something that was told of a pod.
type Event struct {
	Type      string    `json:"type"` // Normal or Warning
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	Container string    `json:"container,omitempty"`
	From      string    `json:"from,omitempty"`
	Count     int       `json:"count"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// Run returns one run.
func (c *Client) Run(ctx context.Context, id string) (*Run, error) {
	return get[Run](ctx, c, "/runs/"+url.PathEscape(id), nil)
}

// Job returns the job as a resource.
func (c *Client) Job(ctx context.Context, id string) (*prow.Job, error) {
	return get[prow.Job](ctx, c, "/runs/"+url.PathEscape(id)+"/job", nil)
}

// Log returns the log of a run's container, "" for the first, from a byte
// offset on; with follow it goes on until the run ends. If there is no log yet
// and follow is set, it waits for one.
func (c *Client) Log(ctx context.Context, id, container string, offset int64, follow bool) (io.ReadCloser, error) {
	q := url.Values{}
	if container != "" {
		q.Set("container", container)
	}
	if offset > 0 {
		q.Set("offset", strconv.FormatInt(offset, 10))
	}
	if follow {
		q.Set("follow", "1")
	}
	for {
		r, err := c.do(ctx, http.MethodGet, "/runs/"+url.PathEscape(id)+"/log", q)
		if err == nil {
			return r.Body, nil
		}
		var e *Error
		if !follow || !errors.As(err, &e) || e.Code != http.StatusNotFound {
			return nil, err
		}
		run, errRun := c.Run(ctx, id)
		if errRun != nil || run.Run.Done() {
			return nil, errors.Join(errRun, err)
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// Rerun starts the same job again and returns the new run.
func (c *Client) Rerun(ctx context.Context, id string) (*Job, error) {
	return post[Job](ctx, c, "/runs/"+url.PathEscape(id)+"/rerun")
}

// Abort asks a run to stop.
func (c *Client) Abort(ctx context.Context, id string) (*Job, error) {
	return post[Job](ctx, c, "/runs/"+url.PathEscape(id)+"/abort")
}

// Why says why a pull request does or does not merge.
type Why struct {
	Pull    string        `json:"pull"`
	Known   bool          `json:"known"` // tide has looked at it
	Merges  bool          `json:"merges"`
	Text    string        `json:"text"`
	Verdict *prow.Verdict `json:"verdict,omitempty"`
}

// Why returns the verdict that tide acts on.
func (c *Client) Why(ctx context.Context, id prow.IssueID) (*Why, error) {
	return get[Why](ctx, c, fmt.Sprintf("/pulls/%s/%s/%d/why", url.PathEscape(id.Repo.Owner), url.PathEscape(id.Repo.Name), id.Number), nil)
}

// Delivery is a webhook in a list.
type Delivery struct {
	ID       string             `json:"id"`
	Event    string             `json:"event"`
	Action   string             `json:"action,omitempty"`
	Where    string             `json:"where,omitempty"`
	By       string             `json:"by,omitempty"`
	State    prow.DeliveryState `json:"state"`
	Received time.Time          `json:"received"`
	Handled  *time.Time         `json:"handled,omitempty"`
	Tries    int                `json:"tries"`
	Error    string             `json:"error,omitempty"`
	Did      []string           `json:"did"`
}

// Deliveries is a page of a list of webhooks.
type Deliveries struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"`
}

// DeliveryFilter asks for webhooks; the zero value of a field asks nothing.
type DeliveryFilter struct {
	State, Event, Repo, Before string
	Pull                       int
}

// Deliveries lists webhooks, newest first.
func (c *Client) Deliveries(ctx context.Context, f DeliveryFilter) (*Deliveries, error) {
	q := url.Values{}
	for k, v := range map[string]string{"state": f.State, "event": f.Event, "repo": f.Repo, "before": f.Before} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if f.Pull > 0 {
		q.Set("pull", strconv.Itoa(f.Pull))
	}
	return get[Deliveries](ctx, c, "/deliveries", q)
}

// DeliveryDetail is one webhook, and what each plugin did with it.
type DeliveryDetail struct {
	Delivery Delivery      `json:"delivery"`
	Results  []prow.Result `json:"results"`
	Body     string        `json:"body"` // the beginning
	Size     int64         `json:"size"`
}

// Delivery returns one webhook.
func (c *Client) Delivery(ctx context.Context, id string) (*DeliveryDetail, error) {
	return get[DeliveryDetail](ctx, c, "/deliveries/"+url.PathEscape(id), nil)
}

// Replay makes a webhook wait to be handled again.
func (c *Client) Replay(ctx context.Context, id string) (*Delivery, error) {
	return post[Delivery](ctx, c, "/deliveries/"+url.PathEscape(id)+"/replay")
}

// do makes one call. An answer that is not a success is *Error.
func (c *Client) do(ctx context.Context, method, path string, q url.Values) (*http.Response, error) {
	to := strings.TrimSuffix(c.URL, "/") + "/api/v1" + path
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, to, nil)
	if err != nil {
		return nil, fmt.Errorf("the address of deck %q is not usable, want for example http://127.0.0.1:8080: %w", c.URL, err)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	r, err := h.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("nothing answers at %s; is Prow running there? %w", c.URL, err)
	}
	if r.StatusCode < 300 {
		return r, nil
	}
	defer r.Body.Close()
	var e struct{ Error, Hint string }
	b, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if json.Unmarshal(b, &e) != nil || e.Error == "" {
		e.Error = fmt.Sprintf("%s answered %s; is this the address of deck?", c.URL, r.Status)
	}
	return nil, &Error{r.StatusCode, e.Error, e.Hint}
}

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (*T, error) {
	return call[T](ctx, c, http.MethodGet, path, q)
}

func post[T any](ctx context.Context, c *Client, path string) (*T, error) {
	return call[T](ctx, c, http.MethodPost, path, nil)
}

func call[T any](ctx context.Context, c *Client, method, path string, q url.Values) (*T, error) {
	r, err := c.do(ctx, method, path, q)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	v := new(T)
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", path, err)
	}
	return v, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
