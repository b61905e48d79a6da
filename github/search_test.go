package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
)

// shelf answers searches as GitHub does: pages, and never more than most.
type shelf struct {
	updated []time.Time // of pull request i+1
	most    int
	asked   []string
}

var window = regexp.MustCompile(`updated:(\S+?)\.\.(\S+)`)

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Query     string
		Variables struct {
			Text, After string
			First       int
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&q)
	s.asked = append(s.asked, q.Variables.Text)
	var found []int
	for i, at := range s.updated {
		if m := window.FindStringSubmatch(q.Variables.Text); m != nil {
			from, _ := time.Parse(time.RFC3339, m[1])
			to, _ := time.Parse(time.RFC3339, m[2])
			if at.Before(from) || at.After(to) {
				continue
			}
		}
		found = append(found, i+1)
	}
	total, begin := len(found), 0
	found = found[:min(len(found), s.most)]
	_, _ = fmt.Sscan(q.Variables.After, &begin)
	end := min(begin+q.Variables.First, len(found))
	nodes := []map[string]any{}
	for _, n := range found[begin:end] {
		nodes = append(nodes, map[string]any{"__typename": "PullRequest", "number": n, "state": "OPEN",
			"repository": map[string]any{"name": "r", "owner": map[string]any{"login": "o"}}})
	}
	text, _ := json.Marshal(map[string]any{"data": map[string]any{"search": map[string]any{
		"issueCount": total, "nodes": nodes,
		"pageInfo": map[string]any{"hasNextPage": end < len(found), "endCursor": fmt.Sprint(end)},
	}}})
	reply(w, 200, string(text))
}

// A search that finds more than GitHub tells is cut until all is told.
func TestSearchBeyondTheLimit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &shelf{most: 20}
	for i := range 95 { // most of them in the last hours
		s.updated = append(s.updated, now.Add(-time.Duration(i*i)*time.Minute))
	}
	f := wire(t, s.ServeHTTP, func(o *Options) { o.Now = func() time.Time { return now } })
	f.search = searchLimits{page: 7, most: 20}
	var got []int
	for p, err := range f.FindPulls(t.Context(), prow.Query{Repos: []string{"o/r"}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.ID.Number)
	}
	slices.Sort(got)
	if len(got) != 95 || len(slices.Compact(got)) != 95 {
		t.Errorf("found %d: %v", len(got), got)
	}
	if strings.Contains(s.asked[0], "updated:") {
		t.Errorf("the first question names a time although none was asked for: %s", s.asked[0])
	}
}

func TestSearchErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code  int
		body  string
		right func(error) bool
		text  string
	}{
		{200, `{"data":null,"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`, func(err error) bool {
			var later *prow.RetryAfter
			return errors.As(err, &later) && later.At.After(time.Now())
		}, "POST graphql FindPulls: API rate limit exceeded"},
		{200, `{"errors":[{"type":"FORBIDDEN","message":"no SSO"}]}`, func(err error) bool { return errors.Is(err, prow.ErrForbidden) }, "no SSO"},
		{200, `{"data":{"search":{"nodes":5}}}`, func(error) bool { return true }, `where []*github.foundPull was expected (at "search.nodes")`},
		{200, `{`, func(error) bool { return true }, "it is not whole JSON"},
		{200, `{}`, func(error) bool { return true }, "cannot be used"},
		{401, `{"message":"Bad credentials"}`, func(err error) bool { return errors.Is(err, prow.ErrForbidden) }, "Bad credentials"},
		{502, `<html>`, func(error) bool { return true }, "502"},
	} {
		f := wire(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, c.code, c.body) })
		n := 0
		for p, err := range f.FindPulls(t.Context(), prow.Query{}) {
			if n++; p != nil || err == nil || !c.right(err) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%d %s: %v, %v", c.code, c.body, p, err)
			}
		}
		if n != 1 {
			t.Errorf("%d %s: yielded %d times, want one error", c.code, c.body, n)
		}
	}
}

// What GitHub could answer of a question is yielded before its error.
func TestSearchInPart(t *testing.T) {
	t.Parallel()
	f := wire(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, `{"data":{"search":{"issueCount":2,"nodes":[null,{"number":1,"repository":{"name":"r","owner":{"login":"o"}}}],
			"pageInfo":{"hasNextPage":true,"endCursor":"x"}}},"errors":[{"message":"Something went wrong"}]}`)
	})
	var got []string
	for p, err := range f.FindPulls(t.Context(), prow.Query{}) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, p.ID.String())
	}
	if len(got) != 2 || got[0] != "o/r#1" || !strings.Contains(got[1], "Something went wrong") {
		t.Errorf("yielded %q", got)
	}
}

// Checks are those of the head, the best of each name, and nil where GitHub told
// not all.
func TestChecksOfAFoundPull(t *testing.T) {
	t.Parallel()
	commit := func(oid string, total int) string {
		return fmt.Sprintf(`{"commit":{"oid":%q,"status":{"contexts":[{"context":"unit","state":"EXPECTED","description":"d","targetUrl":"u"}]},
			"statusCheckRollup":{"contexts":{"totalCount":%d,"nodes":[{"__typename":"StatusContext"},
			{"__typename":"CheckRun","name":"b","status":"COMPLETED","conclusion":"FAILURE"},
			{"__typename":"CheckRun","name":"b","status":"COMPLETED","conclusion":"NEUTRAL"},
			{"__typename":"CheckRun","name":"","status":"QUEUED"}]}}}}`, oid, total)
	}
	for _, c := range []struct {
		commits string
		want    []prow.Check
	}{
		{commit("old", 3) + "," + commit("head", 3), []prow.Check{
			{Name: "unit", State: prow.CheckPending, Text: "d", URL: "u"}, {Name: "b", State: prow.CheckSuccess, IsRun: true},
		}},
		{commit("old", 3), nil},
		{commit("head", 101), nil},
		{`{"commit":{"oid":"head"}}`, []prow.Check{}},
	} {
		var p foundPull
		if err := json.Unmarshal([]byte(`{"headRefOid":"head","commits":{"nodes":[`+c.commits+`]}}`), &p); err != nil {
			t.Fatal(err)
		}
		if got := p.pull().Checks; !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %+v, want %+v", c.commits, got, c.want)
		}
	}
}

func TestASearchCanBeLeft(t *testing.T) {
	t.Parallel()
	s := &shelf{most: 1000, updated: make([]time.Time, 100)}
	f := wire(t, s.ServeHTTP)
	for range f.FindPulls(t.Context(), prow.Query{}) {
		break
	}
	if len(s.asked) != 1 {
		t.Errorf("asked %d times for one result", len(s.asked))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range f.FindIssues(ctx, prow.Query{}) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
