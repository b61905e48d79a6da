package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// call is one request to the API, and who makes it.
type call struct {
	*Forge
	r      *http.Request
	user   *account // nil: nobody
	app    *app     // with the token that it signed itself, instead of user
	repo   *repo    // where the route has one
	may    level    // of user in repo
	header http.Header
}

// fail is an answer that says no, in GitHub's words.
type fail struct {
	code    int
	message string
	errors  []any
}

func (e *fail) Error() string { return e.message }

func refuse(code int, format string, args ...any) error {
	return &fail{code: code, message: fmt.Sprintf(format, args...)}
}

func notFound() error { return refuse(http.StatusNotFound, "Not Found") }

func forbidden() error {
	return refuse(http.StatusForbidden, "Must have admin rights to Repository.")
}

// invalid is GitHub's answer to a field it cannot take. code is one of missing,
// missing_field, invalid, already_exists, or custom, which comes with text.
func invalid(resource, field, code string, text ...string) error {
	e := obj{"resource": resource, "field": field, "code": code}
	if len(text) > 0 {
		e["message"] = text[0]
	}
	return &fail{http.StatusUnprocessableEntity, "Validation Failed", []any{e}}
}

// answer is what a handler gives where it is not 200 with JSON.
type answer struct {
	code int
	body any
	raw  []byte // instead of body
	kind string // content type of raw
}

func created(body any) (any, error) { return answer{code: http.StatusCreated, body: body}, nil }
func noContent() (any, error)       { return answer{code: http.StatusNoContent}, nil }

// maxBody bounds what a client may send; contents and trees are the largest.
const maxBody = 64 << 20

// decode reads the request's JSON. An empty body is an empty object.
func (c *call) decode(v any) error {
	b, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxBody))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return refuse(http.StatusRequestEntityTooLarge, "The request is larger than %d bytes.", maxBody)
		}
		return refuse(http.StatusBadRequest, "The request could not be read.")
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return refuse(http.StatusUnprocessableEntity, "Invalid request.\n\nFor '%s', a %s is not what is expected here.", wrong.Field, wrong.Value)
		}
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	return nil
}

func (c *call) userID() int64 {
	if c.user == nil {
		return 0
	}
	return c.user.ID
}

// payer is whose budget of requests is used: each installation of an App has its own.
func (c *call) payer() int64 {
	switch {
	case c.app != nil:
		return c.app.ID
	case c.user != nil && c.user.as != nil:
		return c.user.as.installation.ID
	}
	return c.userID()
}

func (c *call) path(name string) string { return c.r.PathValue(name) }

// number reads a number of the path; what is none is 0, which names nothing.
func (c *call) number(name string) int64 {
	n, _ := strconv.ParseInt(c.path(name), 10, 64)
	return n
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// paged answers one page of items, and links to the others.
func paged[T any](c *call, items []T, show func(T) any) (any, error) {
	page, total := cut(c, items)
	_ = total
	out := make([]any, 0, len(page))
	for _, i := range page {
		out = append(out, show(i))
	}
	return out, nil
}

// cut takes the page that is asked for.
func cut[T any](c *call, items []T) (page []T, total int) {
	q := c.r.URL.Query()
	per, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || per < 1 {
		per = 30
	}
	per = min(per, 100)
	n, err := strconv.Atoi(q.Get("page"))
	if err != nil || n < 1 {
		n = 1
	}
	last := max(1, (len(items)+per-1)/per)
	c.links(q, n, last)
	if n > last {
		return nil, len(items)
	}
	from := (n - 1) * per
	return items[from:min(from+per, len(items))], len(items)
}

// links writes the Link header for page n of last. The address is the one the
// client used.
func (c *call) links(q url.Values, n, last int) {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	prefix := ""
	if i := strings.Index(c.r.RequestURI, "/api/v3/"); i >= 0 {
		prefix = "/api/v3"
	}
	var out []string
	link := func(page int, rel string) {
		q.Set("page", strconv.Itoa(page))
		out = append(out, fmt.Sprintf(`<%s://%s%s%s?%s>; rel="%s"`, scheme, c.r.Host, prefix, c.r.URL.EscapedPath(), q.Encode(), rel))
	}
	if n > 1 {
		link(min(n-1, last), "prev")
	}
	if n < last {
		link(n+1, "next")
		link(last, "last")
	}
	if n > 1 {
		link(1, "first")
	}
	if len(out) > 0 {
		c.header.Set("Link", strings.Join(out, ", "))
	}
}

func hashToken(t string) string {
	h := sha256.Sum256([]byte(t))
	return hex.EncodeToString(h[:])
}

// tokenOf reads the token of a request: as bearer, as token, or as password.
func tokenOf(r *http.Request) (token string, given bool) {
	h := r.Header.Get("Authorization")
	if h == "" {
		return "", false
	}
	kind, token, _ := strings.Cut(h, " ")
	if strings.EqualFold(kind, "basic") {
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
		user, pass, _ := strings.Cut(string(b), ":")
		if token = pass; pass == "" || pass == "x-oauth-basic" {
			token = user
		}
	}
	return strings.TrimSpace(token), true
}

// reply writes an answer or an error, with ETag, and 304 where the client has it.
func (c *call) reply(w http.ResponseWriter, v any, err error) {
	h := w.Header()
	for k, vs := range c.header {
		h[k] = vs
	}
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-Content-Type-Options", "nosniff")
	a := answer{code: http.StatusOK, body: v}
	if given, ok := v.(answer); ok {
		a = given
	}
	if err != nil {
		a = c.failure(err)
	}
	b := a.raw
	h.Set("Content-Type", "application/json; charset=utf-8")
	if a.kind != "" {
		h.Set("Content-Type", a.kind)
	}
	if b == nil && a.code != http.StatusNoContent {
		var jerr error
		if b, jerr = encode(a.body); jerr != nil {
			c.o.Log.Error("answer not encoded", "path", c.r.URL.Path, "err", jerr)
			a.code, b = http.StatusInternalServerError, []byte(`{"message":"Server Error"}`)
		}
	}
	if a.code == http.StatusOK && (c.r.Method == http.MethodGet || c.r.Method == http.MethodHead) {
		tag := etag(b, c.userID(), h.Get("Link"))
		h.Set("ETag", tag)
		h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
		h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
		if has(c.r.Header.Get("If-None-Match"), tag) {
			c.rate.spend(c.payer(), -1) // GitHub does not count these
			h.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(a.code)
	if c.r.Method != http.MethodHead {
		_, _ = w.Write(b)
	}
}

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(buf.Bytes(), "\n"), err
}

func etag(b []byte, user int64, link string) string {
	s := sha256.New()
	_, _ = s.Write(b)
	fmt.Fprint(s, user, link)
	return `W/"` + hex.EncodeToString(s.Sum(nil)) + `"`
}

// has reports whether an If-None-Match header names tag, weakly.
func has(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

func (c *call) failure(err error) answer {
	var no *fail
	if !errors.As(err, &no) {
		if c.r.Context().Err() == nil {
			c.o.Log.Error("request failed", "method", c.r.Method, "path", c.r.URL.Path, "err", err)
		}
		no = &fail{code: http.StatusInternalServerError, message: "Server Error"}
	}
	o := obj{"message": no.message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(no.code)}
	if no.errors != nil {
		o["errors"] = no.errors
	}
	return answer{code: no.code, body: o}
}

func asFail(err error, to **fail) bool { return errors.As(err, to) }
