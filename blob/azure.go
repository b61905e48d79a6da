package blob

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

const azureVersion = "2021-12-02"

// azure is a container of Azure's blobs.
type azure struct {
	caller
	container string
	keys      *azureKeys
}

func openAzure(o Options, container string, w world) (*azure, error) {
	a := &azure{container: container, keys: &azureKeys{world: w}}
	if o.AzureCredentials != "" {
		a.keys.file = &secretFile{name: o.AzureCredentials}
	}
	if _, err := a.keys.settings(); err != nil {
		return nil, err
	}
	a.caller = caller{world: w, login: a.keys.login, explain: explainXML}
	return a, nil
}

// address of a key, or of the container.
func (a *azure) address(key string, query url.Values) (string, error) {
	k, err := a.keys.settings()
	if err != nil {
		return "", err
	}
	path := "/" + a.container
	if key != "" {
		path += "/" + key
	}
	address := k.endpoint() + escapePath(path)
	q := query.Encode()
	if k.SAS != "" {
		q = strings.TrimPrefix(q+"&"+strings.TrimPrefix(k.SAS, "?"), "&")
	}
	if q != "" {
		address += "?" + q
	}
	return address, nil
}

func (a *azure) doAzure(ctx context.Context, key string, query url.Values, x call) (*http.Response, error) {
	var err error
	if x.url, err = a.address(key, query); err != nil {
		return nil, err
	}
	res, err := a.do(ctx, x)
	var e *statusError
	if errors.As(err, &e) && e.code == "" {
		e.code = e.header.Get("X-Ms-Error-Code")
	}
	return res, err
}

func (a *azure) readAzure(ctx context.Context, key string, query url.Values, x call) ([]byte, http.Header, error) {
	return readAll(ctx, func() (*http.Response, error) { return a.doAzure(ctx, key, query, x) })
}

func (a *azure) stat(ctx context.Context, key string) (attrs, error) {
	res, err := a.doAzure(ctx, key, nil, call{method: http.MethodHead})
	if err != nil {
		return attrs{}, err
	}
	_ = res.Body.Close() // there is none
	return headAttrs(key, res.Header, res.ContentLength), nil
}

func (a *azure) get(ctx context.Context, key string, from, n int64, etag string) (io.ReadCloser, attrs, error) {
	h := http.Header{}
	if from > 0 || n >= 0 {
		h.Set("Range", rangeOf(from, n))
	}
	if etag != "" {
		h.Set("If-Match", etag)
	}
	res, err := a.doAzure(ctx, key, nil, call{method: http.MethodGet, header: h})
	if err != nil {
		return nil, attrs{}, err
	}
	return res.Body, headAttrs(key, res.Header, res.ContentLength), nil
}

func (a *azure) list(ctx context.Context, prefix, page string, most int) ([]attrs, string, error) {
	q := url.Values{"restype": {"container"}, "comp": {"list"}, "delimiter": {"/"}, "prefix": {prefix}}
	if page != "" {
		q.Set("marker", page)
	}
	if most > 0 {
		q.Set("maxresults", strconv.Itoa(most))
	}
	b, _, err := a.readAzure(ctx, "", q, call{method: http.MethodGet})
	if err != nil {
		return nil, "", err
	}
	type name struct {
		Encoded bool   `xml:",attr"`
		Text    string `xml:",chardata"`
	}
	var l struct {
		Blobs struct {
			Blob []struct {
				Name       name
				Properties struct {
					LastModified    string `xml:"Last-Modified"`
					Size            int64  `xml:"Content-Length"`
					ContentEncoding string `xml:"Content-Encoding"`
					ETag            string `xml:"Etag"`
				}
			}
			BlobPrefix []struct{ Name name }
		}
		NextMarker string
	}
	if err := xml.Unmarshal(b, &l); err != nil {
		return nil, "", fmt.Errorf("the list of the container: %w", err)
	}
	plain := func(n name) string {
		if p, err := url.PathUnescape(n.Text); err == nil && n.Encoded {
			return p
		}
		return n.Text
	}
	var out []attrs
	for _, x := range l.Blobs.Blob {
		at := attrs{name: plain(x.Name), size: x.Properties.Size, encoding: x.Properties.ContentEncoding, etag: x.Properties.ETag}
		at.modified, _ = http.ParseTime(x.Properties.LastModified) // else it is not known
		out = append(out, at)
	}
	for _, p := range l.Blobs.BlobPrefix {
		out = append(out, attrs{name: plain(p.Name), folder: true})
	}
	return out, l.NextMarker, nil
}

// metaName is a key of metadata: a C# identifier, as Azure wants it.
func metaName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' {
			return '_'
		}
		return r
	}, s)
}

func azureHeader(s prow.Served) http.Header {
	h := http.Header{"X-Ms-Blob-Content-Type": {cmp.Or(s.ContentType, "application/octet-stream")}}
	if s.ContentEncoding != "" {
		h.Set("X-Ms-Blob-Content-Encoding", s.ContentEncoding)
	}
	if s.CacheControl != "" {
		h.Set("X-Ms-Blob-Cache-Control", s.CacheControl)
	}
	for k, v := range s.Metadata {
		h.Set("X-Ms-Meta-"+metaName(k), v)
	}
	return h
}

func (a *azure) put(ctx context.Context, key string, s prow.Served, b []byte) error {
	h := azureHeader(s)
	h.Set("X-Ms-Blob-Type", "BlockBlob")
	_, _, err := a.readAzure(ctx, key, nil, call{method: http.MethodPut, header: h, body: notNil(b)})
	return err
}

func (a *azure) begin(_ context.Context, key string, s prow.Served) (parts, error) {
	return &azureParts{a: a, key: key, served: s, id: strconv.FormatInt(a.now().UnixNano(), 36)}, nil
}

// azureParts are the blocks of a blob that is to be.
type azureParts struct {
	a      *azure
	key    string
	served prow.Served
	id     string // so that two writers of one key do not mix
	blocks []string
}

func (p *azureParts) part(ctx context.Context, b []byte, _ bool) error {
	if len(b) == 0 {
		return nil
	}
	block := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%06d", p.id, len(p.blocks)))
	_, _, err := p.a.readAzure(ctx, p.key, url.Values{"comp": {"block"}, "blockid": {block}}, call{method: http.MethodPut, body: b})
	if err == nil {
		p.blocks = append(p.blocks, block)
	}
	return err
}

func (p *azureParts) finish(ctx context.Context) error {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"BlockList"`
		Latest  []string
	}{Latest: p.blocks})
	if err != nil {
		return err
	}
	_, _, err = p.a.readAzure(ctx, p.key, url.Values{"comp": {"blocklist"}}, call{method: http.MethodPut, header: azureHeader(p.served), body: body})
	return err
}

// abort does nothing: Azure forgets blocks of no blob after a week.
func (p *azureParts) abort(context.Context) {}

func (a *azure) link(key string) string {
	k, err := a.keys.settings()
	if err != nil {
		return ""
	}
	address, err := a.address(key, nil)
	if err != nil || k.SAS != "" || k.Key == "" {
		address, _, _ = strings.Cut(address, "?") // what we log in with is not for everybody
		return address
	}
	now := a.now().UTC()
	q, err := k.sign(a.container, key, now.Add(-5*time.Minute), now.Add(linkLife))
	if err != nil {
		return ""
	}
	return address + "?" + q.Encode()
}

// azureCanonical is what the signature of a request is over.
func azureCanonical(r *http.Request, account string, length int) string {
	h := r.Header
	size := ""
	if length > 0 {
		size = strconv.Itoa(length)
	}
	lines := []string{
		r.Method, h.Get("Content-Encoding"), h.Get("Content-Language"), size, h.Get("Content-MD5"), h.Get("Content-Type"), "",
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"), h.Get("Range"),
	}
	var own []string
	for name := range h {
		if l := strings.ToLower(name); strings.HasPrefix(l, "x-ms-") {
			own = append(own, l+":"+strings.TrimSpace(h.Get(name)))
		}
	}
	slices.Sort(own)
	lines = append(lines, own...)
	resource := "/" + account + r.URL.EscapedPath()
	q := r.URL.Query()
	var names []string
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Sorted(slices.Values(q[name]))
		resource += "\n" + strings.ToLower(name) + ":" + strings.Join(values, ",")
	}
	return strings.Join(append(lines, resource), "\n")
}
