package blob

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

const gcsHost = "https://storage.googleapis.com"

// gcs is a bucket of Google's, by its JSON API.
type gcs struct {
	caller
	bucket  string
	at      string // gcsHost, or that of an emulator
	keys    *googleKeys
	cookies bool
}

func openGCS(o Options, bucket string, w world) (*gcs, error) {
	g := &gcs{bucket: bucket, at: gcsHost, cookies: o.CookieLinks, keys: &googleKeys{world: w}}
	if e := os.Getenv("STORAGE_EMULATOR_HOST"); e != "" {
		g.at = strings.TrimSuffix(e, "/")
		if !strings.Contains(e, "://") {
			g.at = "http://" + g.at
		}
		g.keys.none = o.GCSCredentials == ""
	}
	if o.GCSCredentials != "" {
		g.keys.file = &secretFile{name: o.GCSCredentials}
		if _, err := g.keys.source(); err != nil {
			return nil, err
		}
	}
	g.caller = caller{world: w, login: g.keys.login, explain: explainJSON}
	return g, nil
}

func explainJSON(b []byte) (code, message string) {
	var e struct {
		Error struct {
			Message string
			Errors  []struct{ Reason string }
		}
	}
	if json.Unmarshal(b, &e) == nil && e.Error.Message != "" {
		for _, r := range e.Error.Errors {
			code = r.Reason
		}
		return code, e.Error.Message
	}
	return "", strings.TrimSpace(string(b[:min(len(b), 200)]))
}

// object is the address of a key.
func (g *gcs) object(key string, q url.Values) string {
	return g.at + "/storage/v1/b/" + escape(g.bucket, false) + "/o/" + escape(key, false) + "?" + q.Encode()
}

type gcsObject struct {
	Name            string            `json:"name,omitempty"`
	Size            string            `json:"size,omitempty"`
	Updated         *time.Time        `json:"updated,omitempty"`
	ContentType     string            `json:"contentType,omitempty"`
	ContentEncoding string            `json:"contentEncoding,omitempty"`
	CacheControl    string            `json:"cacheControl,omitempty"`
	Generation      string            `json:"generation,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
}

func (o gcsObject) attrs() attrs {
	a := attrs{name: o.Name, encoding: o.ContentEncoding, etag: o.Generation}
	a.size, _ = strconv.ParseInt(o.Size, 10, 64) // it is always a number
	if o.Updated != nil {
		a.modified = *o.Updated
	}
	return a
}

func (g *gcs) stat(ctx context.Context, key string) (attrs, error) {
	b, _, err := g.read(ctx, call{method: http.MethodGet, url: g.object(key, url.Values{"fields": {"name,size,updated,contentEncoding,generation"}})})
	if err != nil {
		return attrs{}, err
	}
	var o gcsObject
	err = json.Unmarshal(b, &o)
	return o.attrs(), err
}

// get reads the generation that etag names.
func (g *gcs) get(ctx context.Context, key string, from, n int64, etag string) (io.ReadCloser, attrs, error) {
	// What is stored compressed comes as it is.
	h := http.Header{"Accept-Encoding": {gzipped}}
	if from > 0 || n >= 0 {
		h.Set("Range", rangeOf(from, n))
	}
	q := url.Values{"alt": {"media"}}
	if etag != "" {
		q.Set("generation", etag)
	}
	res, err := g.do(ctx, call{method: http.MethodGet, url: g.object(key, q), header: h})
	if err != nil {
		return nil, attrs{}, err
	}
	a := headAttrs(key, res.Header, res.ContentLength)
	// A proxy may compress on the way what is not stored so.
	if stored := res.Header.Get("X-Goog-Stored-Content-Encoding"); stored != "" {
		a.encoding = strings.Replace(stored, "identity", "", 1)
	}
	return res.Body, a, nil
}

func (g *gcs) list(ctx context.Context, prefix, page string, most int) ([]attrs, string, error) {
	q := url.Values{
		"delimiter": {"/"}, "prefix": {prefix},
		"fields": {"items(name,size,updated,contentEncoding,generation),prefixes,nextPageToken"},
	}
	if page != "" {
		q.Set("pageToken", page)
	}
	if most > 0 {
		q.Set("maxResults", strconv.Itoa(most))
	}
	b, _, err := g.read(ctx, call{method: http.MethodGet, url: g.at + "/storage/v1/b/" + escape(g.bucket, false) + "/o?" + q.Encode()})
	if err != nil {
		return nil, "", err
	}
	var l struct {
		Items         []gcsObject
		Prefixes      []string
		NextPageToken string
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, "", fmt.Errorf("the list of the bucket: %w", err)
	}
	var out []attrs
	for _, o := range l.Items {
		out = append(out, o.attrs())
	}
	for _, p := range l.Prefixes {
		out = append(out, attrs{name: p, folder: true})
	}
	return out, l.NextPageToken, nil
}

func gcsMeta(key string, s prow.Served) ([]byte, error) {
	return json.Marshal(gcsObject{
		Name: key, ContentType: cmp.Or(s.ContentType, "application/octet-stream"), ContentEncoding: s.ContentEncoding, CacheControl: s.CacheControl, Metadata: s.Metadata,
	})
}

func (g *gcs) upload(kind, key string) string {
	return g.at + "/upload/storage/v1/b/" + escape(g.bucket, false) + "/o?" + url.Values{"uploadType": {kind}, "name": {key}}.Encode()
}

func (g *gcs) put(ctx context.Context, key string, s prow.Served, b []byte) error {
	meta, err := gcsMeta(key, s)
	if err != nil {
		return err
	}
	const line = "prow-part-of-an-upload"
	var body bytes.Buffer
	body.Grow(len(b) + len(meta) + 300)
	fmt.Fprintf(&body, "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s\r\n--%s\r\nContent-Type: %s\r\n\r\n", line, meta, line, cmp.Or(s.ContentType, "application/octet-stream"))
	body.Write(b)
	fmt.Fprintf(&body, "\r\n--%s--\r\n", line)
	_, _, err = g.read(ctx, call{
		method: http.MethodPost, url: g.upload("multipart", key), body: body.Bytes(),
		header: http.Header{"Content-Type": {"multipart/related; boundary=" + line}},
	})
	return err
}

func (g *gcs) begin(ctx context.Context, key string, s prow.Served) (parts, error) {
	meta, err := gcsMeta(key, s)
	if err != nil {
		return nil, err
	}
	_, h, err := g.read(ctx, call{
		method: http.MethodPost, url: g.upload("resumable", key), body: meta,
		header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "X-Upload-Content-Type": {cmp.Or(s.ContentType, "application/octet-stream")}},
	})
	if err != nil {
		return nil, err
	}
	if h.Get("Location") == "" {
		return nil, errors.New("the store began an upload and did not say where")
	}
	return &gcsParts{g: g, where: h.Get("Location")}, nil
}

// gcsParts is a resumable upload.
type gcsParts struct {
	g     *gcs
	where string
	sent  int64
}

const resumeIncomplete = 308

func (p *gcsParts) part(ctx context.Context, b []byte, last bool) error {
	total := "*"
	if last {
		total = strconv.FormatInt(p.sent+int64(len(b)), 10)
	}
	for range tries { // the store may keep a part of a part
		content := "bytes */" + total
		if len(b) > 0 {
			content = fmt.Sprintf("bytes %d-%d/%s", p.sent, p.sent+int64(len(b))-1, total)
		}
		kept, done, err := p.send(ctx, content, b)
		if err != nil || done {
			return err
		}
		n := kept - p.sent
		if n < 0 || n > int64(len(b)) {
			return fmt.Errorf("the store has %d bytes of an upload of %d", kept, p.sent+int64(len(b)))
		}
		p.sent, b = kept, b[n:]
		if len(b) == 0 && !last {
			return nil
		}
	}
	return errors.New("the store does not take all of an upload")
}

// send sends some bytes, again and again if need be, since the store knows where they
// belong; it returns how many are kept of all, or that all is done.
func (p *gcsParts) send(ctx context.Context, content string, b []byte) (kept int64, done bool, err error) {
	res, err := p.g.do(ctx, call{
		method: http.MethodPut, url: p.where, body: notNil(b), also: []int{resumeIncomplete},
		header: http.Header{"Content-Range": {content}},
	})
	if err != nil {
		return 0, false, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close() // the status said all
	if res.StatusCode != resumeIncomplete {
		return 0, true, nil
	}
	if _, end, ok := strings.Cut(res.Header.Get("Range"), "-"); ok {
		n, err := strconv.ParseInt(end, 10, 64)
		return n + 1, false, err
	}
	return 0, false, nil
}

func (p *gcsParts) finish(context.Context) error { return nil }

func (p *gcsParts) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	// 499 is how the store says that it forgot it. If not, it does after a week.
	res, err := p.g.do(ctx, call{method: http.MethodDelete, url: p.where, once: true, also: []int{499}})
	if err == nil {
		_ = res.Body.Close()
	}
}

func (g *gcs) link(key string) string {
	path := "/" + g.bucket + "/" + key
	if g.cookies {
		return "https://storage.cloud.google.com" + escapePath(path)
	}
	if link := g.keys.sign(path, linkLife); link != "" {
		return link
	}
	return g.at + escapePath(path)
}
