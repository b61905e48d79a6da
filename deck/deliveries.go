package deck

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

type deliveriesView struct {
	Deliveries []deliveryLine `json:"deliveries"`
	Next       string         `json:"next,omitempty"` // for the parameter before: there are more
	State      string         `json:"state,omitempty"`
	Event      string         `json:"event,omitempty"`
	Repo       string         `json:"repo,omitempty"`
	Pull       string         `json:"pull,omitempty"`
}

func (v deliveriesView) head() head {
	return head{Title: "Deliveries", Section: "deliveries", Live: "deliveries"}
}

// deliveryLine is a webhook in a list.
type deliveryLine struct {
	ID       string             `json:"id"`
	Event    string             `json:"event"`
	Action   string             `json:"action,omitempty"`
	Where    string             `json:"where,omitempty"`
	By       string             `json:"by,omitempty"`
	State    prow.DeliveryState `json:"state"`
	Received time.Time          `json:"received"`
	Handled  *time.Time         `json:"handled,omitempty"`
	Next     *time.Time         `json:"next,omitempty"` // try
	Tries    int                `json:"tries"`
	Error    string             `json:"error,omitempty"`
	Did      []string           `json:"did"` // by all plugins together
	issue    prow.IssueID
}

// Word is the state as the pages show it, in shape and colour.
func (l deliveryLine) Word() string {
	switch {
	case l.State == prow.DeliveryDead:
		return "failed"
	case l.State == prow.DeliveryHandled:
		return "passed"
	case l.State == prow.DeliveryClaimed:
		return "running"
	case l.Tries > 0:
		return "error"
	}
	return "waiting"
}

// Text is the state in words.
func (l deliveryLine) Text() string {
	switch {
	case l.State == prow.DeliveryDead:
		return "given up"
	case l.State == prow.DeliveryHandled:
		return "handled"
	case l.State == prow.DeliveryClaimed:
		return "being handled"
	case l.Tries > 0:
		return "to be tried again"
	}
	return "waiting"
}

// Path returns the page of what it was about.
func (l deliveryLine) Path() string {
	switch {
	case l.issue.Number > 0:
		return pullPath(l.issue)
	case l.issue.Repo.Name != "":
		return "/repo/" + l.issue.Repo.String()
	}
	return ""
}

// Seconds returns how long it took to handle, from its arrival.
func (l deliveryLine) Seconds() float64 {
	if l.Handled == nil {
		return 0
	}
	return l.Handled.Sub(l.Received).Seconds()
}

func lineOfDelivery(d *prow.Delivery) deliveryLine {
	l := deliveryLine{ID: d.ID, Event: d.Event, Action: d.Action, By: d.By, State: d.State, Received: d.Received, Tries: d.Tries, Error: d.Error, Did: []string{}, issue: d.Where}
	if !d.Where.Repo.IsZero() {
		l.Where = d.Where.String()
	}
	if !d.Handled.IsZero() {
		l.Handled = &d.Handled
	}
	if !d.Next.IsZero() && d.State == prow.DeliveryWaiting {
		l.Next = &d.Next
	}
	for _, r := range d.Results {
		l.Did = append(l.Did, r.Did...)
	}
	return l
}

const deliveriesPerPage = 60

func (s *Server) deliveries(r *http.Request) (view, error) {
	q := r.URL.Query()
	v := deliveriesView{Deliveries: []deliveryLine{}, State: q.Get("state"), Event: q.Get("event"), Repo: q.Get("repo"), Pull: q.Get("pull")}
	if s.Inbox == nil {
		return v, nil
	}
	f := prow.DeliveryFilter{State: prow.DeliveryState(v.State), Event: v.Event, Before: q.Get("before"), Limit: deliveriesPerPage + 1}
	switch f.State {
	case "", prow.DeliveryWaiting, prow.DeliveryClaimed, prow.DeliveryHandled, prow.DeliveryDead:
	default:
		return nil, badRequest("There is no state %s.", "The states are waiting, claimed, handled and dead.", v.State)
	}
	f.Where.Repo.Owner, f.Where.Repo.Name, _ = strings.Cut(v.Repo, "/")
	if v.Pull != "" {
		n, err := strconv.Atoi(v.Pull)
		if err != nil || n < 1 || f.Where.Repo.Name == "" {
			return nil, badRequest("pull=%s needs a number, and the repository as repo=owner/name.", "For example ?repo=kubernetes/kubernetes&pull=42.", v.Pull)
		}
		f.Where.Number = n
	}
	for {
		page, err := s.Inbox.Deliveries(r.Context(), f)
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			if !s.shownRepo(d.Where.Repo) {
				continue
			}
			if len(v.Deliveries) == deliveriesPerPage {
				v.Next = v.Deliveries[deliveriesPerPage-1].ID
				return v, nil
			}
			v.Deliveries = append(v.Deliveries, lineOfDelivery(d))
		}
		if len(page) < f.Limit {
			return v, nil
		}
		f.Before = page[len(page)-1].ID
	}
}

type deliveryView struct {
	Delivery deliveryLine  `json:"delivery"`
	Results  []prow.Result `json:"results"`
	Headers  []envVar      `json:"headers"`
	Body     string        `json:"body"` // the beginning
	Size     int64         `json:"size"`
}

func (v deliveryView) head() head {
	return head{Title: "Delivery " + short(v.Delivery.ID), Section: "deliveries", Live: "deliveries"}
}

// Replayable reports whether it may be handled again.
func (v deliveryView) Replayable() bool {
	return v.Delivery.State == prow.DeliveryHandled || v.Delivery.State == prow.DeliveryDead
}

// Missed reports whether a plugin could not do its part.
func (v deliveryView) Missed() bool {
	return slices.ContainsFunc(v.Results, func(r prow.Result) bool { return r.Error != "" })
}

const bodyShown = 24 << 10

func (s *Server) delivery(r *http.Request) (view, error) {
	d, err := s.getDelivery(r)
	if err != nil {
		return nil, err
	}
	v := deliveryView{Delivery: lineOfDelivery(d), Results: d.Results, Size: int64(len(d.Body)), Headers: []envVar{}}
	if v.Results == nil {
		v.Results = []prow.Result{}
	}
	for k, values := range d.Header {
		if !strings.Contains(k, "Signature") && !strings.Contains(k, "Authorization") && !strings.Contains(k, "Cookie") {
			v.Headers = append(v.Headers, envVar{k, strings.Join(values, ", ")})
		}
	}
	slices.SortFunc(v.Headers, func(a, b envVar) int { return strings.Compare(a.Name, b.Name) })
	var pretty bytes.Buffer
	if len(d.Body) > 1<<20 || json.Indent(&pretty, d.Body, "", "  ") != nil {
		pretty.Reset()
		pretty.Write(d.Body[:min(len(d.Body), bodyShown)])
	}
	v.Body = strings.ToValidUTF8(string(pretty.Bytes()[:min(pretty.Len(), bodyShown)]), "\ufffd")
	return v, nil
}

func (s *Server) getDelivery(r *http.Request) (*prow.Delivery, error) {
	gone := notFound("There is no delivery %s (any more).", "Handled deliveries are forgotten after some days. /deliveries lists those there are.", r.PathValue("id"))
	if s.Inbox == nil {
		return nil, gone
	}
	d, err := s.Inbox.Delivery(r.Context(), r.PathValue("id"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.shownRepo(d.Where.Repo) {
		return nil, gone
	}
	return d, err
}

// States lists what the filter of states offers.
func (v deliveriesView) States() []string { return []string{"waiting", "claimed", "handled", "dead"} }
