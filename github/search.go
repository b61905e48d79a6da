package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v89/github"
	prow "github.com/prow-ci/prow"
)

// GitHub answers a search with at most maxResults, whatever it found.
const (
	pageSize   = 37
	maxResults = 1000
)

// searchLimits are what tests make small.
type searchLimits struct{ page, most int }

// beginning is before everything on GitHub.
var beginning = time.Date(2007, 1, 1, 0, 0, 0, 0, time.UTC)

// FindPulls searches. Reviewers and teams are not filled; Checks are nil where the
// head is not among the last four commits or has over a hundred results.
func (f *Forge) FindPulls(ctx context.Context, q prow.Query) iter.Seq2[*prow.Pull, error] {
	q.Issues = false
	return func(yield func(*prow.Pull, error) bool) {
		seen := map[prow.IssueID]bool{}
		for w, err := range search[foundPull](ctx, f, findPulls, q) {
			if err != nil {
				yield(nil, err)
				return
			}
			p := w.pull()
			if p.ID.Number == 0 || seen[p.ID] {
				continue
			}
			seen[p.ID] = true
			if !yield(p, nil) {
				return
			}
		}
	}
}

// FindIssues searches for issues that are no pull requests.
func (f *Forge) FindIssues(ctx context.Context, q prow.Query) iter.Seq2[*prow.Issue, error] {
	q.Issues = true
	return func(yield func(*prow.Issue, error) bool) {
		seen := map[prow.IssueID]bool{}
		for w, err := range search[foundIssue](ctx, f, findIssues, q) {
			if err != nil {
				yield(nil, err)
				return
			}
			i := w.issue()
			if i.ID.Number == 0 || seen[i.ID] {
				continue
			}
			seen[i.ID] = true
			if !yield(&i, nil) {
				return
			}
		}
	}
}

// found is one page of a search.
type found[T any] struct {
	Search struct {
		IssueCount int `json:"issueCount"`
		PageInfo   struct {
			HasNextPage bool   `json:"hasNextPage"`
			EndCursor   string `json:"endCursor"`
		} `json:"pageInfo"`
		Nodes []*T `json:"nodes"`
	} `json:"search"`
}

// search yields what q finds. Where GitHub found more than it tells, the time of
// the last update is cut in halves until each part is told whole.
func search[T any](ctx context.Context, f *Forge, question string, q prow.Query) iter.Seq2[*T, error] {
	if f.app == nil {
		return func(yield func(*T, error) bool) { searchPart(ctx, f, question, q, yield) }
	}
	return func(yield func(*T, error) bool) {
		all, err := f.perOwner(ctx, q)
		stopped := false
		errs := []error{err}
		for _, one := range all {
			searchPart(inNameOf(ctx, one.owner), f, question, one.q, func(w *T, err error) bool {
				if err != nil {
					errs = append(errs, err)
					return false
				}
				stopped = !yield(w, nil)
				return !stopped
			})
			if stopped {
				return
			}
		}
		// One owner without the App does not hide the others.
		if err := errors.Join(errs...); err != nil {
			yield(nil, err)
		}
	}
}

// ownQuery is the part of a query that is about one owner.
type ownQuery struct {
	owner string
	q     prow.Query
}

// perOwner cuts q in one for each owner that it names, or that installed the App:
// an installation sees its own.
func (f *Forge) perOwner(ctx context.Context, q prow.Query) ([]ownQuery, error) {
	owners := slices.Clone(q.Orgs)
	for _, r := range q.Repos {
		owners = append(owners, ownerOf(r))
	}
	if len(owners) == 0 {
		var err error
		if owners, err = f.Installations(ctx); err != nil {
			return nil, err
		}
		q.Orgs = owners
	}
	var out []ownQuery
	done := map[string]bool{}
	for _, o := range owners {
		if done[strings.ToLower(o)] {
			continue
		}
		done[strings.ToLower(o)] = true
		other := func(repo string) bool { return !strings.EqualFold(ownerOf(repo), o) }
		one := q
		one.Orgs = slices.DeleteFunc(slices.Clone(q.Orgs), func(org string) bool { return !strings.EqualFold(org, o) })
		one.Repos = slices.DeleteFunc(slices.Clone(q.Repos), other)
		one.ExcludedRepos = slices.DeleteFunc(slices.Clone(q.ExcludedRepos), other)
		out = append(out, ownQuery{o, one})
	}
	return out, nil
}

func ownerOf(repo string) string {
	owner, _, _ := strings.Cut(repo, "/")
	return owner
}

// searchPart reports whether to go on.
func searchPart[T any](ctx context.Context, f *Forge, question string, q prow.Query, yield func(*T, error) bool) bool {
	after := ""
	for first := true; ; first = false {
		var page found[T]
		vars := map[string]any{"text": q.String(), "first": f.search.page}
		if after != "" {
			vars["after"] = after
		}
		err := f.ask(ctx, question, vars, &page)
		if err != nil && len(page.Search.Nodes) == 0 {
			yield(nil, err)
			return false
		}
		if first && err == nil && page.Search.IssueCount > f.search.most {
			if early, late, ok := f.halves(q); ok {
				return searchPart(ctx, f, question, early, yield) && searchPart(ctx, f, question, late, yield)
			}
		}
		for _, n := range page.Search.Nodes {
			if n != nil && !yield(n, nil) {
				return false
			}
		}
		if err != nil {
			yield(nil, err)
			return false
		}
		next := page.Search.PageInfo
		if !next.HasNextPage || next.EndCursor == after {
			return true
		}
		after = next.EndCursor
	}
}

// halves cuts q's time in two, to the second; not if it is one second already.
func (f *Forge) halves(q prow.Query) (early, late prow.Query, ok bool) {
	from, to := q.UpdatedFrom, q.UpdatedTo
	if from.IsZero() {
		from = beginning
	}
	if to.IsZero() {
		to = f.now().UTC()
	}
	from, to = from.Truncate(time.Second), to.Truncate(time.Second)
	if !to.After(from) {
		return q, q, false
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(time.Second)
	early, late = q, q
	early.UpdatedFrom, early.UpdatedTo = from, middle
	late.UpdatedFrom, late.UpdatedTo = middle.Add(time.Second), to
	return early, late, true
}

type graphError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// ask puts a question in GitHub's query language. With an error into may still
// be filled, as far as GitHub could.
func (f *Forge) ask(ctx context.Context, question string, vars map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"query": question, "variables": vars})
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(question, "query "), "(")
	what := "POST graphql " + name
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.graphql, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("github: %s: %w", what, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := f.http.Do(req)
	if err != nil {
		return explain(what, err)
	}
	defer resp.Body.Close()
	if err := gh.CheckResponse(resp); err != nil {
		return explain(what, err)
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []graphError    `json:"errors"`
	}
	err = decode(resp.Body, resp.Header, &answer)
	if err == nil && len(answer.Data) > 0 {
		err = decode(bytes.NewReader(answer.Data), http.Header{}, into)
	}
	if err == nil && len(answer.Data) == 0 && len(answer.Errors) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("github: the answer to %s cannot be used: %w", what, err)
	}
	if len(answer.Errors) > 0 {
		return f.graphFailure(by(ctx), what, answer.Errors)
	}
	return nil
}

// graphFailure is the port's error for what came back with status 200.
func (f *Forge) graphFailure(who speaker, what string, errs []graphError) error {
	e := errors.New("github: " + what + ": " + errs[0].Message)
	switch errs[0].Type {
	case "RATE_LIMITED":
		at := f.now().Add(time.Minute)
		if reset := f.budget.reset(who, "graphql"); reset.After(f.now()) {
			at = reset.Add(time.Second)
		}
		return &prow.RetryAfter{At: at, Err: e}
	case "NOT_FOUND":
		return fmt.Errorf("%w: %w", e, fs.ErrNotExist)
	case "FORBIDDEN", "INSUFFICIENT_SCOPES":
		return fmt.Errorf("%w: %w", e, prow.ErrForbidden)
	}
	return e
}
