package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prow-ci/prow/prowtest/world"
)

// rest speaks to a sandbox as any client of GitHub does.
type rest struct {
	*world.World
	t *testing.T
}

func open(t *testing.T, options ...world.Option) *rest {
	t.Helper()
	return &rest{world.New(t, append(options, func(s *world.Setup) { s.Wrap = recorded(t) })...), t}
}

// reply is what came back.
type reply struct {
	code   int
	header http.Header
	text   string
	body   any
}

// get walks into the JSON: "user.login", "0.name".
func (r reply) get(path string) any {
	v := r.body
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			n := 0
			if _, err := fmt.Sscan(part, &n); err != nil || n >= len(x) {
				return nil
			}
			v = x[n]
		default:
			return nil
		}
	}
	return v
}

func (r reply) len() int {
	l, _ := r.body.([]any)
	return len(l)
}

// do sends a request. body is JSON text, or a value to encode.
func (r *rest) do(as, method, path string, body any, headers ...string) reply {
	r.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	if strings.HasPrefix(path, "/") {
		path = r.Hub.API() + path
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, path, in)
	if err != nil {
		r.t.Fatal(err)
	}
	if as != "" {
		req.Header.Set("Authorization", "Bearer "+world.Token(as))
	}
	for n := 0; n+1 < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	out := reply{code: res.StatusCode, header: res.Header, text: string(text)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") && len(text) > 0 {
		if err := json.Unmarshal(text, &out.body); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return out
}

// ok is do for what must succeed.
func (r *rest) ok(as, method, path string, body any) reply {
	r.t.Helper()
	out := r.do(as, method, path, body)
	if out.code >= 300 {
		r.t.Fatalf("%s %s as %s: %d %s", method, path, as, out.code, out.text)
	}
	return out
}

// no is do for what must be refused, with a code and words.
func (r *rest) no(as, method, path string, body any, code int, words string) {
	r.t.Helper()
	if out := r.do(as, method, path, body); out.code != code || !strings.Contains(out.text, words) {
		r.t.Errorf("%s %s as %q: %d %s; want %d %q", method, path, as, out.code, out.text, code, words)
	}
}

func (r *rest) want(got, want any) {
	r.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("got %v, want %v", got, want)
	}
}
