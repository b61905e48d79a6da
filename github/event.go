package github

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// payload is what we read of a webhook's body, whatever its kind.
type payload struct {
	Action       string       `json:"action"`
	Sender       *wireUser    `json:"sender"`
	Repository   *wireRepo    `json:"repository"`
	Organization *wireUser    `json:"organization"`
	Issue        *wireIssue   `json:"issue"`
	PullRequest  *wirePull    `json:"pull_request"`
	Comment      *wireComment `json:"comment"`
	Review       *wireReview  `json:"review"`
	Label        *wireLabel   `json:"label"`
	Changes      struct {
		Title *wireFrom `json:"title"`
		Body  *wireFrom `json:"body"`
		Base  struct {
			Ref *wireFrom `json:"ref"`
		} `json:"base"`
	} `json:"changes"`
}

type wireFrom struct {
	From string `json:"from"`
}

func (f *wireFrom) from() string {
	if f == nil {
		return ""
	}
	return f.From
}

// generic says how a CommentEvent spells the actions that carry text.
func generic(action string) string {
	switch action {
	case "created", "opened", "submitted":
		return prow.Created
	case "edited":
		return prow.Edited
	case "deleted", "dismissed":
		return prow.Deleted
	}
	return ""
}

// ParseEvents turns one webhook into what it says: nothing that matters to a
// handler, one event, or two where a change of an issue or pull request also
// carries text. event is the X-GitHub-Event header, id the delivery. The only
// error is a body of one of the kinds we read that cannot be read; a kind we do
// not read is an OtherEvent, whatever its body.
func ParseEvents(event, id string, body []byte) ([]prow.Event, error) {
	switch event {
	case "push":
		return parsePush(event, id, body)
	case "status", "check_run":
		return parseCheck(event, id, body)
	case "issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment":
	default:
		return parseOther(event, id, body), nil
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("%s webhook %s: the body is not what GitHub sends: %w", event, id, err)
	}
	h := p.header(event, id)
	missing := func(what string) error {
		return fmt.Errorf("%s webhook %s: the body has no %s", event, id, what)
	}
	if p.Repository == nil || h.At.Repo.Owner == "" || h.At.Repo.Name == "" {
		return nil, missing("repository")
	}
	switch event {
	case "issues":
		if p.Issue == nil {
			return nil, missing("issue")
		}
		return p.issue(h), nil
	case "issue_comment":
		if p.Issue == nil || p.Comment == nil {
			return nil, missing("issue or comment")
		}
		return p.issueComment(h), nil
	}
	if p.PullRequest == nil {
		return nil, missing("pull_request")
	}
	switch {
	case event == "pull_request":
		return p.pull(h), nil
	case event == "pull_request_review" && p.Review != nil:
		return p.review(h), nil
	case event == "pull_request_review_comment" && p.Comment != nil:
		return p.reviewComment(h), nil
	}
	return nil, missing("review or comment")
}

func (p *payload) header(event, id string) prow.Header {
	h := prow.Header{ID: id, Kind: event, By: p.Sender.login(), ByBot: p.Sender.bot(), Action: p.Action}
	h.At.Repo = p.Repository.id()
	if h.At.Repo.Owner == "" {
		h.At.Repo.Owner = p.Organization.login()
	}
	switch {
	case p.PullRequest != nil:
		h.At.Number = p.PullRequest.Number
	case p.Issue != nil:
		h.At.Number = p.Issue.Number
	}
	return h
}

// text makes the CommentEvent of h where its action carries text: by author,
// with c telling the rest.
func text(h prow.Header, author *wireUser, c prow.CommentEvent) []prow.Event {
	c.Header = h
	c.By, c.ByBot = author.login(), author.bot()
	if c.Action = generic(h.Action); c.Action == "" {
		return nil
	}
	return []prow.Event{c}
}

func (p *payload) issue(h prow.Header) []prow.Event {
	issue := p.Issue.issue(h.At.Repo)
	e := prow.IssueEvent{Header: h, Issue: issue}
	if p.Label != nil {
		e.Label = p.Label.Name
	}
	out := []prow.Event{e}
	if h.Action == "opened" || h.Action == "edited" || h.Action == "deleted" {
		out = append(out, text(h, p.Issue.User, prow.CommentEvent{Body: issue.Body, URL: issue.URL, Issue: issue})...)
	}
	return out
}

func (p *payload) issueComment(h prow.Header) []prow.Event {
	return text(h, p.Comment.User, prow.CommentEvent{
		Body: p.Comment.Body, URL: p.Comment.HTMLURL, CommentID: p.Comment.ID, Issue: p.Issue.issue(h.At.Repo),
	})
}

func (p *payload) pull(h prow.Header) []prow.Event {
	pull := p.PullRequest.pull(h.At.Repo)
	h.At = pull.ID
	e := prow.PullEvent{
		Header: h, Pull: *pull,
		OldTitle: p.Changes.Title.from(), OldBase: p.Changes.Base.Ref.from(), OldBody: p.Changes.Body.from(),
	}
	if p.Label != nil {
		e.Label = p.Label.Name
	}
	out := []prow.Event{e}
	if h.Action == "opened" || h.Action == "edited" {
		out = append(out, text(h, p.PullRequest.User, prow.CommentEvent{Body: pull.Body, URL: pull.URL, Issue: pull.Issue})...)
	}
	return out
}

func (p *payload) review(h prow.Header) []prow.Event {
	pull := p.PullRequest.pull(h.At.Repo)
	h.At = pull.ID
	review := p.Review.review()
	out := []prow.Event{prow.ReviewEvent{Header: h, Review: review, Pull: *pull}}
	return append(out, text(h, p.Review.User, prow.CommentEvent{Body: review.Body, URL: review.URL, Issue: pull.Issue})...)
}

func (p *payload) reviewComment(h prow.Header) []prow.Event {
	pull := p.PullRequest.pull(h.At.Repo)
	h.At = pull.ID
	return text(h, p.Comment.User, prow.CommentEvent{
		Body: p.Comment.Body, URL: p.Comment.HTMLURL, CommentID: p.Comment.ID, Issue: pull.Issue,
	})
}

func parseOther(event, id string, body []byte) []prow.Event {
	var p struct {
		Action       string    `json:"action"`
		Sender       *wireUser `json:"sender"`
		Repository   *wireRepo `json:"repository"`
		Organization *wireUser `json:"organization"`
	}
	// What cannot be read of a kind nobody reads is left empty.
	_ = json.Unmarshal(body, &p)
	full := payload{Action: p.Action, Sender: p.Sender, Repository: p.Repository, Organization: p.Organization}
	return []prow.Event{prow.OtherEvent{Header: full.header(event, id)}}
}

func parseCheck(event, id string, body []byte) ([]prow.Event, error) {
	var p struct {
		payload
		SHA string `json:"sha"`
		wireStatus
		CheckRun *wireCheckRun `json:"check_run"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("%s webhook %s: the body is not what GitHub sends: %w", event, id, err)
	}
	e := prow.StatusEvent{Header: p.header(event, id), SHA: p.SHA, Check: p.check()}
	if event == "check_run" {
		if p.CheckRun == nil {
			return nil, fmt.Errorf("%s webhook %s: the body has no check_run", event, id)
		}
		e.SHA, e.Check = p.CheckRun.HeadSHA, p.CheckRun.check()
	}
	return []prow.Event{e}, nil
}

// maxCommits is how many commits GitHub lists of a push.
const maxCommits = 2048

type wirePush struct {
	payload
	Ref     string    `json:"ref"`
	Before  string    `json:"before"`
	After   string    `json:"after"`
	Created bool      `json:"created"`
	Deleted bool      `json:"deleted"`
	Forced  bool      `json:"forced"`
	Compare string    `json:"compare"`
	Pusher  *wireUser `json:"pusher"`
	Size    int       `json:"size"`
	Commits []struct {
		Added    []string `json:"added"`
		Removed  []string `json:"removed"`
		Modified []string `json:"modified"`
	} `json:"commits"`
}

func parsePush(event, id string, body []byte) ([]prow.Event, error) {
	var p wirePush
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("%s webhook %s: the body is not what GitHub sends: %w", event, id, err)
	}
	h := p.header(event, id)
	if p.Ref == "" || p.Repository == nil || h.At.Repo.Owner == "" {
		return nil, fmt.Errorf("%s webhook %s: the body has no ref or repository", event, id)
	}
	if p.Repository.Owner != nil && p.Repository.Owner.Name != "" {
		h.At.Repo.Owner = p.Repository.Owner.Name
	}
	if h.By == "" && p.Pusher != nil {
		h.By = p.Pusher.Name
	}
	e := prow.PushEvent{
		Header: h, Ref: p.Ref, Before: p.Before, After: p.After, Created: p.Created, Deleted: p.Deleted, Forced: p.Forced,
		Branch:     strings.TrimPrefix(strings.TrimPrefix(p.Ref, "refs/heads/"), "refs/tags/"),
		Truncated:  len(p.Commits) >= maxCommits || p.Size > len(p.Commits),
		CompareURL: p.Compare, RepoURL: p.Repository.HTMLURL, OwnerName: h.At.Repo.Owner, DefaultBranch: p.Repository.DefaultBranch,
	}
	for _, c := range p.Commits {
		e.Files = slices.Concat(e.Files, c.Added, c.Removed, c.Modified)
	}
	slices.Sort(e.Files)
	e.Files = slices.Compact(e.Files)
	return []prow.Event{e}, nil
}
