package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/prowtest/world"
)

func (r *rest) graph(query string) reply {
	r.t.Helper()
	return r.do("bob", "POST", r.URL+"/graphql", map[string]any{"query": query, "variables": map[string]any{"n": 1, "q": "is:pr", "yes": true}})
}

// Queries are answered as they are put: aliases, variables, fragments, directives,
// pages, and errors beside data.
func TestGraphQL(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	id := pullFrom(r, at, "topic", "one\n2\nthree\n")
	pullFrom(r, at, "second", "x\n")
	r.Issue(at, "alice", "an issue", "")
	sha := r.PullNow(id).HeadSHA
	for name, state := range map[string]prow.CheckState{"unit": prow.CheckSuccess, "lint": prow.CheckFailure} {
		if err := r.Hub.SetStatus(t.Context(), at, "bob", sha, prow.Check{Name: name, State: state, Text: "d"}); err != nil {
			t.Fatal(err)
		}
	}
	r.ok("bob", "POST", "/repos/alice/r/check-runs", map[string]string{"name": "run", "head_sha": sha, "conclusion": "success"})
	for _, c := range []struct{ query, want string }{
		{`{viewer{me:login}}`, `{"data":{"viewer":{"me":"bob"}}}`},
		{`query($n:Int!){repository(owner:"ALICE",name:"R"){pullRequest(number:$n){...f ...on PullRequest{title}}}} fragment f on PullRequest{number isDraft}`,
			`{"data":{"repository":{"pullRequest":{"isDraft":false,"number":1,"title":"Change topic"}}}}`},
		{`query($yes:Boolean!){viewer{login @skip(if:$yes) id @include(if:$yes) __typename}}`, `"__typename":"User"`},
		{`query($q:String!){search(type:ISSUE,query:$q,first:1){issueCount pageInfo{hasNextPage endCursor} nodes{...on PullRequest{number} ...on Issue{title}}}}`,
			`{"data":{"search":{"issueCount":2,"nodes":[{"number":2}],"pageInfo":{"endCursor":"c1","hasNextPage":true}}}}`},
		{`{search(type:ISSUE,query:"is:pr",first:1,after:"c1"){nodes{...on PullRequest{number}} pageInfo{hasNextPage}}}`, `{"data":{"search":{"nodes":[{"number":1}],"pageInfo":{"hasNextPage":false}}}}`},
		{`{repository(owner:"alice",name:"r"){pullRequest(number:1){mergeable mergeStateStatus canBeRebased commits(last:4){totalCount nodes{commit{oid message statusCheckRollup{state contexts(last:9){totalCount nodes{__typename ...on CheckRun{name conclusion} ...on StatusContext{context state}}}} status{contexts{context state}}}}}}}}`,
			`"mergeStateStatus":"UNSTABLE","mergeable":"MERGEABLE"`},
		{`{repository(owner:"no",name:"no"){id} viewer{login}}`, `"type":"NOT_FOUND"`},
		{`{repository(owner:"no",name:"no"){id} viewer{login}}`, `"viewer":{"login":"bob"}`},
		{`{viewer{nonsense}}`, `Field 'nonsense' doesn't exist on type 'User'`},
		{`{`, `"errors"`},
		{`query A{viewer{login}} query B{viewer{id}}`, `No operation named`},
		{`mutation{addStar(input:{starrableId:"x"}){clientMutationId}}`, `Field 'addStar' doesn't exist on type 'Mutation'`},
		{`mutation{addComment(input:{subjectId:"PR_99999",body:"x"}){clientMutationId}}`, `"type":"NOT_FOUND"`},
		{`{viewer{...a}} fragment a on User{...b} fragment b on User{...a login}`, `"login":"bob"`},
	} {
		if got := r.graph(c.query); got.code != 200 || !strings.Contains(got.text, c.want) {
			t.Errorf("%s\n%s\nwant %s", c.query, got.text, c.want)
		}
	}
	deep := strings.Repeat(`repository(owner:"alice",name:"r"){owner{...on User{`, 40) + "login" + strings.Repeat("}}}", 40)
	if got := r.graph("{" + deep + "}"); !strings.Contains(got.text, "too deeply") {
		t.Errorf("a deep query: %.200s", got.text)
	}
	if got := r.do("", "POST", r.URL+"/graphql", `{"query":"{viewer{login}}"}`); got.code != 401 {
		t.Errorf("without a token: %d", got.code)
	}
}

func FuzzGraphQL(f *testing.F) {
	w := world.New(f)
	r := w.Repo("o/r", map[string]string{"a": "b\n"})
	w.Pull(r, "alice", "topic", map[string]string{"a": "c\n"})
	for _, s := range []string{
		`{viewer{login}}`, `{search(type:ISSUE,query:"is:pr",first:1){nodes{...on PullRequest{number mergeable commits(last:1){nodes{commit{oid message}}}}}}}`,
		`mutation($i:X!){addComment(input:$i){commentEdge{node{url}}}}`, `{a:viewer{...f}} fragment f on User{...f}`, `{repository(owner:"o",name:"r"){refs(refPrefix:"refs/heads/",first:-1,last:99){nodes{target{oid}}}}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, q string) {
		body, err := json.Marshal(map[string]any{"query": q, "variables": map[string]any{"i": map[string]any{"subjectId": "PR_1", "body": "x"}}})
		if err != nil {
			return // no JSON, no request
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+world.Token(world.Bot))
		res := httptest.NewRecorder()
		w.Hub.ServeHTTP(res, req)
		if res.Code != http.StatusOK || !json.Valid(res.Body.Bytes()) {
			t.Errorf("%d %s", res.Code, res.Body)
		}
	})
}
