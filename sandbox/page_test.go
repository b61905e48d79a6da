package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	prow "github.com/prow-ci/prow"
)

// browser keeps cookies and follows links, as people's do.
type browser struct {
	*rest
	client *http.Client
}

func browse(r *rest, as string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	b := &browser{r, &http.Client{Jar: jar}}
	b.post("/-/act-as", 200, "login", as, "back", "/")
	return b
}

// see visits a page and returns its text, which must hold each of want.
func (b *browser) see(path string, code int, want ...string) string {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(req, code, want)
}

func (b *browser) post(path string, code int, form ...string) string {
	b.t.Helper()
	v := url.Values{}
	for n := 0; n+1 < len(form); n += 2 {
		v.Set(form[n], form[n+1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.URL+path, strings.NewReader(v.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(req, code, nil)
}

func (b *browser) send(req *http.Request, code int, want []string) string {
	b.t.Helper()
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	text := string(raw)
	if res.StatusCode != code {
		b.t.Errorf("%s %s: %s\n%s", req.Method, req.URL, res.Status, text)
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			b.t.Errorf("%s: %q is not in\n%s", req.URL, w, text)
		}
	}
	if strings.Contains(strings.Replace(text, `<script src="/-/live.js" defer>`, "", 1), "<script") || strings.Contains(text, "<img src=x") || strings.Contains(text, "ZgotmplZ") {
		b.t.Errorf("%s: text was taken for HTML:\n%s", req.URL, text)
	}
	return text
}

const evil = `<script>alert(1)</script> "'><img src=x onerror=alert(1)> $(reboot) ` + "\x1b[31m"

// A person takes a change from branch to merge by clicking.
func TestPages(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	e := listen(t)
	if err := r.Hub.SetHook(t.Context(), e.URL, "s3cret"); err != nil {
		t.Fatal(err)
	}
	r.Commit(at, "topic/ü&<b>", "alice", map[string]string{"dir/" + "a<b>&.txt": evil + "\n", "dir/a.txt": "one\n2\nthree\n"})
	b := browse(r, "alice")
	b.see("/", 200, "alice/r")
	b.see("/alice", 200, "alice/r")
	b.see("/alice/r", 200, "git clone "+r.URL+"/alice/r.git", "README.md", "hello", "topic/ü&amp;&lt;b&gt;")
	b.see("/alice/r/tree/topic/%C3%BC&%3Cb%3E/dir", 200, "a&lt;b&gt;&amp;.txt")
	b.see("/alice/r/blob/topic/%C3%BC&%3Cb%3E/dir/a%3Cb%3E&.txt", 200, "&lt;script&gt;")
	b.see("/alice/r/commits/main", 200, "Initial commit")
	b.see("/alice/r/compare?head=topic/%C3%BC%26%3Cb%3E", 200, "selected>topic/ü&amp;&lt;b&gt;")
	b.see("/alice/r/pulls", 200, "Nothing here")
	b.see("/none/none", 404, "nothing at this address")
	b.see("/alice/r/pull/99", 404, "nothing at this address")
	b.post("/alice/r/pulls", 422, "head", "topic/ü&<b>", "base", "main", "title", "")
	b.post("/alice/r/pulls", 200, "head", "topic/ü&<b>", "base", "main", "title", evil, "body", evil)
	b.post("/alice/r/pull/1/comment", 200, "body", evil)
	b.post("/alice/r/pull/1/comment", 422, "body", " ")
	b.post("/alice/r/pull/1/label", 200, "add", "<b>bold</b>")
	b.post("/alice/r/pull/1/review", 422, "event", "APPROVE")
	bob := browse(r, "bob")
	bob.post("/alice/r/pull/1/review", 200, "event", "APPROVE", "body", "fine")
	sha := r.PullNow(prow.IssueID{Repo: at, Number: 1}).HeadSHA
	r.ok("bob", "POST", "/repos/alice/r/statuses/"+sha, map[string]string{"state": "failure", "context": evil, "description": evil, "target_url": "javascript:alert(1)"})
	b.see("/alice/r/pull/1", 200, "&lt;b&gt;bold&lt;/b&gt;", "approved these changes", "Not all checks have passed", "Merge pull request")
	b.see("/alice/r/pull/1/files", 200, `<span class="add">&#43;2</span>`, "−1")
	b.see("/alice/r/pull/1/commits", 200, "Change topic")
	b.see("/alice/r/commit/"+sha, 200, "a.txt")
	b.see("/alice/r/pulls", 200, "checks: failure")
	dave := browse(r, "dave")
	dave.post("/alice/r/pull/1/merge", 403, "method", "merge")
	dave.post("/alice/r/pull/1/label", 403, "add", "x")
	dave.post("/alice/r/pull/1/state", 403, "state", "closed")
	dave.post("/alice/r/fork", 200)
	dave.see("/dave/r", 200, "forked from")
	b.post("/alice/r/pull/1/label", 200, "remove", "<b>bold</b>")
	b.post("/alice/r/pull/1/state", 200, "state", "closed")
	b.post("/alice/r/pull/1/state", 200, "state", "open")
	b.post("/alice/r/pull/1/merge", 200, "method", "squash", "sha", sha)
	b.see("/alice/r/pull/1", 200, "merged this as")
	dave.post("/alice/r/issues", 200, "title", "It <breaks>", "body", evil)
	b.see("/alice/r/issues", 200, "It &lt;breaks&gt;")
	b.post("/alice/r/issues/2/comment", 200, "body", "ok")
	b.see("/alice/r/issues/2", 200, "It &lt;breaks&gt;")
	r.Eventually("all is delivered", idle(r.World))
	page := b.see("/-/deliveries", 200, "pull_request.closed", "200")
	_, rest, _ := strings.Cut(page, `href="/-/deliveries/`)
	id, _, _ := strings.Cut(rest, `"`)
	b.see("/-/deliveries/"+id, 200, "X-Hub-Signature-256")
	n := len(e.all())
	b.post("/-/deliveries/"+id+"/again", 200)
	r.Eventually("it is told again", func() bool { return len(e.all()) == n+1 })
	b.see("/-/style.css", 200, ":root")
	if res := r.do("", "GET", r.URL+"/-/avatar/%3Cscript%3E", nil); strings.Contains(res.text, "<script") {
		t.Errorf("avatar: %s", res.text)
	}
}

// Another site cannot click for us, and nobody is nobody.
func TestPagesAreGuarded(t *testing.T) {
	t.Parallel()
	r, at := town(t)
	r.Issue(at, "alice", "t", "")
	nobody := browse(r, "")
	nobody.see("/alice/r/issues/1", 200, "Choose whom to act as")
	nobody.post("/alice/r/issues/1/comment", 403, "body", "x")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/alice/r/issues/1/comment", strings.NewReader("body=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	r.want(res.StatusCode, 403)
	r.ok("alice", "PATCH", "/repos/alice/r", `{"private":true}`)
	browse(r, "dave").see("/alice/r", 404, "nothing at this address")
	b := browse(r, "alice")
	if got := b.post("/-/act-as", 200, "login", "bob", "back", "//evil.example/x"); !strings.Contains(got, "Repositories") {
		t.Error("sent to another site")
	}
}

// A large repository is as quick as a small one in all that does not need each file.
func TestLargeRepository(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Users("alice")
	files := map[string]string{}
	for n := range 20_000 {
		files[fmt.Sprintf("d%d/f%d.txt", n/200, n)] = fmt.Sprintln(n)
	}
	at := r.Repo("alice/large", files)
	id := r.Pull(at, "bob", "topic", map[string]string{"d1/f200.txt": "changed\n"})
	if p := r.PullNow(id); p.Mergeable != prow.MergeableYes || p.Additions != 1 {
		t.Errorf("%+v", p)
	}
	if _, err := r.Hub.Merge(t.Context(), id, "alice", prow.MergeSquash); err != nil {
		t.Error(err)
	}
}

// A page that is open is told of each change, whoever makes it.
func TestPagesAreTold(t *testing.T) {
	t.Parallel()
	r, _ := town(t)
	b := browse(r, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/-/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != ":" {
		t.Fatalf("the stream begins with %q, %v", lines.Text(), lines.Err())
	}
	for n := range 3 {
		b.post("/alice/r/issues", 200, "title", fmt.Sprint("Issue ", n), "body", "")
		for lines.Scan() && lines.Text() != "event: changed" {
		}
		if lines.Err() != nil {
			t.Fatalf("change %d was not told: %v", n, lines.Err())
		}
	}
}
