package hook

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

func TestWhatIsAccepted(t *testing.T) {
	t.Parallel()
	h := open(t)
	good := commentBody(5, "hello")
	for name, c := range map[string]struct {
		change func(r *http.Request)
		want   int
		text   string
	}{
		"all right":           {func(*http.Request) {}, 200, "Accepted."},
		"GET":                 {func(r *http.Request) { r.Method = http.MethodGet }, 405, "405 Method Not Allowed: "},
		"no event":            {func(r *http.Request) { r.Header.Del("X-GitHub-Event") }, 400, "400 Bad Request: the header X-GitHub-Event is missing"},
		"no delivery":         {func(r *http.Request) { r.Header.Del("X-GitHub-Delivery") }, 400, "400 Bad Request: the header X-GitHub-Delivery is missing"},
		"no signature":        {func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, 403, "403 Forbidden: Missing X-Hub-Signature-256"},
		"SHA-1":               {func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha1=00") }, 403, "403 Forbidden: X-Hub-Signature-256 does not fit the payload"},
		"no hex":              {func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256=zz") }, 403, "403 Forbidden: "},
		"another secret":      {func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", sign(good, "wrong")) }, 403, "403 Forbidden: "},
		"text":                {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400, "400 Bad Request: set the webhook's content type"},
		"JSON with a charset": {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 400, "400 "},
		"method comes first":  {func(r *http.Request) { r.Method = http.MethodPut; r.Header = http.Header{} }, 405, "405 "},
		"event comes second":  {func(r *http.Request) { r.Header = http.Header{} }, 400, "400 Bad Request: the header X-GitHub-Event is missing"},
		"signature before type": {func(r *http.Request) {
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Del("Content-Type")
		}, 403, "403 "},
		"not JSON, but signed": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{")), 1
			r.Header.Set("X-Hub-Signature-256", sign("{", token))
		}, 403, "403 Forbidden: the payload is not JSON"},
		"an endless id": {func(r *http.Request) { r.Header.Set("X-GitHub-Delivery", strings.Repeat("x", 201)) }, 400, "400 Bad Request: X-GitHub-Delivery or"},
		"too large": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, maxBody+1))), maxBody+1
		}, 413, "413 Request Entity Too Large: the payload is larger than 25 MiB"},
		"too large, length unsaid": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, maxBody+1))), -1
		}, 413, "413 "},
	} {
		r := request(t, h.url, "issue_comment", "id-"+name, good)
		c.change(r)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.want || !strings.HasPrefix(string(text), c.text) {
			t.Errorf("%s: %d %q, want %d %q", name, resp.StatusCode, text, c.want, c.text)
		}
		if _, err := h.Inbox.Delivery(t.Context(), "id-"+name); (err == nil) != (c.want == 200) {
			t.Errorf("%s: stored: %v", name, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	const levels = `
o/r:
- value: repo-old
  created_at: 2026-01-01T00:00:00Z
- value: repo-new
o:
- value: org
empty: []
'*':
- value: all
`
	for _, c := range []struct {
		file, repo, token string
		want              bool
	}{
		{"raw\n", "o/r", "raw", true},
		{"raw\n", "", "raw", true},
		{"raw", "o/r", "other", false},
		{"a: b", "o/r", "a: b", true}, // no such map: a raw token
		{levels, "o/r", "repo-old", true},
		{levels, "o/r", "repo-new", true},
		{levels, "o/r", "org", false}, // the narrowest level alone counts
		{levels, "o/r", "all", false},
		{levels, "o/x", "org", true},
		{levels, "o/x", "all", false},
		{levels, "o", "org", true}, // an event of the organisation
		{levels, "p/q", "all", true},
		{levels, "empty/x", "all", false},
		{levels, "", "all", true},
		{"o: [{value: x}]", "p/q", "x", false}, // no level at all
		{"o: [{value: x}]", "p/q", "", false},
	} {
		s, err := ParseSecrets([]byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		owner, name, _ := strings.Cut(c.repo, "/")
		if got := s.Signed(prow.Repo{Owner: owner, Name: name}, []byte("body"), sign("body", c.token)); got != c.want {
			t.Errorf("%q, %s signed with %q: %v", c.file, c.repo, c.token, got)
		}
	}
	for _, file := range []string{"", " \n", "o: [{value: ''}]", "o: [{created_at: 2026-01-01T00:00:00Z}]"} {
		if _, err := ParseSecrets([]byte(file)); err == nil {
			t.Errorf("%q: no error", file)
		}
	}
	if (Secrets{}).Signed(prow.Repo{}, nil, sign("", "")) {
		t.Error("no secrets accept something")
	}
}

func TestPeek(t *testing.T) {
	t.Parallel()
	at := func(owner, name string, number int) prow.IssueID {
		return prow.IssueID{Repo: prow.Repo{Owner: owner, Name: name}, Number: number}
	}
	for body, want := range map[string]glance{
		commentBody(5, "x"): {at("o", "r", 5), "created", "bob"},
		`{"action":"opened","number":6,"pull_request":{"number":6,"head":{"repo":{"full_name":"fork/r"}}},"repository":{"full_name":"o/r"},"sender":{"login":"a\u006en"}}`: {at("o", "r", 6), "opened", "ann"},
		`{"ref":"x","repository":{"name":"r","owner":{"name":"o","login":"o"}},"organization":{"login":"org"}}`:                                                            {at("o", "r", 0), "", ""},
		`{"action":"member_added","organization":{"login":"org"},"sender":null}`:                                                                                           {at("org", "", 0), "member_added", ""},
		`{"action":5,"number":"6","issue":[1,{"number":7}],"repository":"o/r"}`:                                                                                            {},
		` [1, 2.5e-3, true, false, null, {"action":"no"}] `:                                                                                                                {},
	} {
		if got, err := peek([]byte(body)); got != want || err != nil {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

func FuzzPeek(f *testing.F) {
	for _, s := range []string{commentBody(1, "x"), ``, `{`, `{"a":[1,2,{"b":null}]}`, `"\ud800\u00e9"`, `-0.0e+1`, `01`, `{"a":1,}`, `[,]`, "\"\x01\"", `{"number":1e3}`, `tru`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := peek(body)
		if (err == nil) != json.Valid(body) {
			t.Errorf("peek(%q) = %v, but valid is %v", body, err, json.Valid(body))
		}
	})
}

// A realistic body, as large as GitHub's usually are.
func largeBody(tb testing.TB) []byte {
	tb.Helper()
	files, err := filepath.Glob("../github/testdata/events/pull_request-*.json")
	if err != nil || len(files) == 0 {
		tb.Fatal("no payloads", err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		tb.Fatal(err)
	}
	var pull map[string]any
	if err := json.Unmarshal(raw, &pull); err != nil {
		tb.Fatal(err)
	}
	links := map[string]any{}
	for _, k := range []string{"keys", "collaborators", "teams", "hooks", "issue_events", "branches", "tags", "blobs", "git_tags", "git_refs", "trees", "statuses"} {
		links[k+"_url"] = "https://api.github.com/repos/acme/pump/" + k + "{/sha}"
	}
	for i := range 10 {
		pull["links"+string(rune('a'+i))] = links
	}
	body, err := json.Marshal(pull)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func BenchmarkPeek(b *testing.B) {
	body := largeBody(b)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := peek(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalInstead(b *testing.B) {
	body := largeBody(b)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var v struct {
			Action     string
			Repository struct{ FullName string }
		}
		if err := json.Unmarshal(body, &v); err != nil {
			b.Fatal(err)
		}
	}
}
