package blob

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	prow "github.com/prow-ci/prow"
)

// s3 is a bucket of Amazon's, or of one of the many that speak like it.
type s3 struct {
	caller
	keys   *s3Keys
	bucket string
	region atomic.Pointer[string]
}

func openS3(o Options, bucket string, w world) (*s3, error) {
	s := &s3{bucket: bucket, keys: &s3Keys{world: w}}
	if o.S3Credentials != "" {
		s.keys.file = &secretFile{name: o.S3Credentials}
		if _, err := s.keys.settings(); err != nil {
			return nil, err
		}
	}
	s.caller = caller{world: w, login: s.login, explain: explainXML}
	return s, nil
}

// explainXML reads the error of S3 and Azure.
func explainXML(b []byte) (code, message string) {
	var e struct{ Code, Message string }
	_ = xml.Unmarshal(b, &e) // then there is no more to say
	return e.Code, strings.TrimSpace(e.Message)
}

func (s *s3) login(ctx context.Context, r *http.Request, body []byte) error {
	k, err := s.keys.get(ctx)
	if err != nil || k.AccessKey == "" {
		return err // without any: a public bucket may be read
	}
	signS3(r, body, k, s.inRegion(k), s.now())
	return nil
}

func (s *s3) inRegion(k s3Settings) string {
	if r := s.region.Load(); r != nil {
		return *r
	}
	return cmp.Or(k.Region, "us-east-1")
}

// address of a key, or of the bucket.
func (s *s3) address(key string, query url.Values) (string, error) {
	k, err := s.keys.settings()
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "https", Host: "s3." + s.inRegion(k) + ".amazonaws.com"}
	if strings.HasPrefix(s.inRegion(k), "cn-") {
		u.Host += ".cn"
	}
	if k.Endpoint != "" {
		u.Scheme, u.Host = k.scheme(), k.host()
	}
	path := "/" + s.bucket + "/" + key
	// A name with a dot has no certificate of its own.
	if k.Endpoint == "" && !k.PathStyle && !strings.Contains(s.bucket, ".") {
		u.Host, path = s.bucket+"."+u.Host, "/"+key
	}
	u.Path, u.RawPath = path, escapePath(path)
	u.RawQuery = escapeQuery(query)
	return u.String(), nil
}

// doS3 is do, once more with the right region if the bucket turns out to be elsewhere.
func (s *s3) doS3(ctx context.Context, key string, query url.Values, x call) (*http.Response, error) {
	for i := 0; ; i++ {
		var err error
		if x.url, err = s.address(key, query); err != nil {
			return nil, err
		}
		res, err := s.do(ctx, x)
		var e *statusError
		if i == 0 && errors.As(err, &e) && (e.status == http.StatusMovedPermanently || e.status == http.StatusBadRequest) {
			if r := e.header.Get("X-Amz-Bucket-Region"); r != "" {
				s.region.Store(&r)
				continue
			}
		}
		return res, err
	}
}

func (s *s3) readS3(ctx context.Context, key string, query url.Values, x call) ([]byte, http.Header, error) {
	return readAll(ctx, func() (*http.Response, error) { return s.doS3(ctx, key, query, x) })
}

func headAttrs(key string, h http.Header, size int64) attrs {
	a := attrs{name: key, size: size, etag: h.Get("ETag")}
	for e := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if strings.TrimSpace(e) == gzipped {
			a.encoding = gzipped
		}
	}
	a.modified, _ = http.ParseTime(h.Get("Last-Modified")) // else it is not known
	return a
}

func (s *s3) stat(ctx context.Context, key string) (attrs, error) {
	res, err := s.doS3(ctx, key, nil, call{method: http.MethodHead})
	if err != nil {
		return attrs{}, err
	}
	_ = res.Body.Close() // there is none
	return headAttrs(key, res.Header, res.ContentLength), nil
}

// rangeOf is a Range header.
func rangeOf(from, n int64) string {
	if n < 0 {
		return fmt.Sprintf("bytes=%d-", from)
	}
	return fmt.Sprintf("bytes=%d-%d", from, from+n-1)
}

func (s *s3) get(ctx context.Context, key string, from, n int64, etag string) (io.ReadCloser, attrs, error) {
	h := http.Header{}
	if from > 0 || n >= 0 {
		h.Set("Range", rangeOf(from, n))
	}
	if etag != "" {
		h.Set("If-Match", etag)
	}
	res, err := s.doS3(ctx, key, nil, call{method: http.MethodGet, header: h})
	if err != nil {
		return nil, attrs{}, err
	}
	return res.Body, headAttrs(key, res.Header, res.ContentLength), nil
}

func (s *s3) list(ctx context.Context, prefix, page string, most int) ([]attrs, string, error) {
	q := url.Values{"list-type": {"2"}, "delimiter": {"/"}, "prefix": {prefix}, "encoding-type": {"url"}}
	if page != "" {
		q.Set("continuation-token", page)
	}
	if most > 0 {
		q.Set("max-keys", strconv.Itoa(most))
	}
	b, _, err := s.readS3(ctx, "", q, call{method: http.MethodGet})
	if err != nil {
		return nil, "", err
	}
	var l struct {
		Contents []struct {
			Key, ETag    string
			Size         int64
			LastModified time.Time
		}
		CommonPrefixes        []struct{ Prefix string }
		NextContinuationToken string
		EncodingType          string
	}
	if err := xml.Unmarshal(b, &l); err != nil {
		return nil, "", fmt.Errorf("the list of the bucket: %w", err)
	}
	plain := func(s string) string {
		if p, err := url.QueryUnescape(s); err == nil && l.EncodingType == "url" {
			return p
		}
		return s
	}
	var out []attrs
	for _, c := range l.Contents {
		out = append(out, attrs{name: plain(c.Key), size: c.Size, modified: c.LastModified, etag: c.ETag})
	}
	for _, p := range l.CommonPrefixes {
		out = append(out, attrs{name: plain(p.Prefix), folder: true})
	}
	return out, l.NextContinuationToken, nil
}

func s3Header(s prow.Served) http.Header {
	h := http.Header{"Content-Type": {cmp.Or(s.ContentType, "application/octet-stream")}}
	if s.ContentEncoding != "" {
		h.Set("Content-Encoding", s.ContentEncoding)
	}
	if s.CacheControl != "" {
		h.Set("Cache-Control", s.CacheControl)
	}
	for k, v := range s.Metadata {
		h.Set("X-Amz-Meta-"+k, v)
	}
	return h
}

func (s *s3) put(ctx context.Context, key string, served prow.Served, b []byte) error {
	_, _, err := s.readS3(ctx, key, nil, call{method: http.MethodPut, header: s3Header(served), body: notNil(b)})
	return err
}

// notNil is a body that is there, though it may be empty.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (s *s3) begin(ctx context.Context, key string, served prow.Served) (parts, error) {
	b, _, err := s.readS3(ctx, key, url.Values{"uploads": {""}}, call{method: http.MethodPost, header: s3Header(served), body: []byte{}})
	if err != nil {
		return nil, err
	}
	var started struct {
		UploadID string `xml:"UploadId"`
	}
	if err := xml.Unmarshal(b, &started); err != nil || started.UploadID == "" {
		return nil, errors.New("the store began an upload and did not say which")
	}
	return &s3Parts{s: s, key: key, id: started.UploadID}, nil
}

// s3Parts is a multipart upload.
type s3Parts struct {
	s       *s3
	key, id string
	etags   []string
}

func (p *s3Parts) part(ctx context.Context, b []byte, _ bool) error {
	q := url.Values{"partNumber": {strconv.Itoa(len(p.etags) + 1)}, "uploadId": {p.id}}
	_, h, err := p.s.readS3(ctx, p.key, q, call{method: http.MethodPut, body: notNil(b)})
	if err == nil {
		p.etags = append(p.etags, h.Get("ETag"))
	}
	return err
}

func (p *s3Parts) finish(ctx context.Context) error {
	type part struct {
		PartNumber int
		ETag       string
	}
	all := struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []part
	}{}
	for i, e := range p.etags {
		all.Part = append(all.Part, part{i + 1, e})
	}
	body, err := xml.Marshal(all)
	if err != nil {
		return err
	}
	b, _, err := p.s.readS3(ctx, p.key, url.Values{"uploadId": {p.id}}, call{method: http.MethodPost, body: body})
	if err != nil {
		return err
	}
	// The answer begins before the work is done, so it may be 200 and an error.
	if code, message := explainXML(b); code != "" {
		return &statusError{status: http.StatusInternalServerError, code: code, message: message}
	}
	return nil
}

func (p *s3Parts) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	// What is left is cleaned up by the rules of the bucket.
	_, _, _ = p.s.readS3(ctx, p.key, url.Values{"uploadId": {p.id}}, call{method: http.MethodDelete})
}

func (s *s3) link(key string) string {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	address, err := s.address(key, nil)
	if err != nil {
		return ""
	}
	k, err := s.keys.get(ctx)
	if err != nil || k.AccessKey == "" {
		return address
	}
	return presignS3(address, k, s.inRegion(k), s.now(), linkLife)
}
