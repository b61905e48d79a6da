package jenkins

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Options say where a Jenkins is, and how it knows us.
type Options struct {
	URL string // as people have it in the browser
	// Token returns the API token of User; Bearer one that stands for itself. Both
	// are asked for each request, so that a rotated one is used at once.
	User   string
	Token  func(ctx context.Context) (string, error)
	Bearer func(ctx context.Context) (string, error)
	// CertFile and KeyFile, read for each connection, say who we are, and CAFile
	// whom to trust.
	CertFile, KeyFile, CAFile string
	CSRF                      bool          // Jenkins wants a crumb with each change
	Pause                     time.Duration // before the second try; default 100 ms
	Metrics                   *Metrics      // nil counts nothing
}

// Client speaks to one Jenkins. All methods may be called concurrently.
type Client struct {
	o    Options
	base string
	http *http.Client

	mu    sync.Mutex
	crumb crumb
}

type crumb struct{ Field, Value string }

// How patient a client is.
const (
	tries     = 5
	timeout   = 30 * time.Second // of each
	maxAnswer = 32 << 20
)

// New makes a client. It asks Jenkins nothing yet.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the address of Jenkins is %q: want one like https://jenkins.example.com", o.URL)
	}
	if o.Token != nil && o.Bearer != nil {
		return nil, errors.New("two tokens for Jenkins: want one of a user, or one that stands for itself")
	}
	if (o.Token != nil) != (o.User != "") {
		return nil, errors.New("a user of Jenkins needs a token, and the token of a user needs the user")
	}
	if o.Pause == 0 {
		o.Pause = 100 * time.Millisecond
	}
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	if t.TLSClientConfig, err = o.tls(); err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil) // a crumb may be of a session
	if err != nil {
		return nil, err
	}
	c := &http.Client{Transport: t, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Client{o: o, base: strings.TrimRight(o.URL, "/"), http: c}, nil
}

func (o Options) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if (o.CertFile != "") != (o.KeyFile != "") {
		return nil, errors.New("a certificate for Jenkins needs its key, and a key its certificate")
	}
	if o.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
			return &pair, err
		}
		if _, err := load(); err != nil {
			return nil, fmt.Errorf("certificate for Jenkins: %w", err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	if o.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("certificate authority of Jenkins: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authority of Jenkins: %s holds no certificate; want PEM", o.CAFile)
	}
	return c, nil
}

// request is one call.
type request struct {
	name   string // in metrics
	method string
	path   string
	query  url.Values
	form   url.Values
	// once is for what must not be said twice; only 201 says that it was done.
	once bool
}

// failure is an answer that is none.
type failure struct {
	request
	code int
	text string
}

func (f *failure) Error() string {
	return fmt.Sprintf("Jenkins answers %s %s with %d %s%s", f.method, f.path, f.code, http.StatusText(f.code), f.text)
}

// Unwrap lets errors.Is find what is absent.
func (f *failure) Unwrap() error {
	if f.code == http.StatusNotFound {
		return fs.ErrNotExist
	}
	return nil
}

// refused reports whether Jenkins understood a request and said no: it was not
// carried out, and saying it again does not help.
func refused(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.code >= 400 && f.code < 500 && f.code != http.StatusTooManyRequests && f.code != http.StatusRequestTimeout
}

// ask gets the JSON at a path.
func (c *Client) ask(ctx context.Context, name, path, tree string, into any) error {
	r := request{name: name, method: http.MethodGet, path: path + "/api/json", query: url.Values{"tree": {tree}}}
	body, _, err := c.call(ctx, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer of Jenkins to %s %s is not what was asked for: %w; it begins with %q", r.method, r.path, err, head(body))
	}
	return nil
}

// tell asks for a change, and returns the address of what it made.
func (c *Client) tell(ctx context.Context, name, path string, form url.Values, once bool) (location string, err error) {
	_, h, err := c.call(ctx, request{name: name, method: http.MethodPost, path: path, form: form, once: once})
	return h.Get("Location"), err
}

// call sends r until it gets an answer, a few times.
func (c *Client) call(ctx context.Context, r request) (body []byte, h http.Header, err error) {
	pause, crumbs := c.o.Pause, 0
	for n := 0; ; n++ {
		body, h, err = c.try(ctx, r)
		var f *failure
		switch {
		case err == nil, ctx.Err() != nil:
			return body, h, err
		case errors.As(err, &f) && f.code == http.StatusForbidden && c.o.CSRF && r.method == http.MethodPost && crumbs == 0:
			crumbs++ // it was not carried out; perhaps the crumb is of an older session
			c.forgetCrumb()
			continue
		case refused(err) || r.once || n >= tries-1:
			return nil, nil, err
		}
		c.o.Metrics.retried()
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func (c *Client) try(ctx context.Context, r request) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := c.send(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("the answer of Jenkins to %s %s: %w", r.method, r.path, err)
	}
	if len(body) > maxAnswer {
		return nil, nil, &failure{r, http.StatusRequestEntityTooLarge, fmt.Sprintf(": the answer is larger than %d MB", maxAnswer>>20)}
	}
	return body, res.Header, c.judge(r, res, body)
}

// judge says whether an answer is one.
func (c *Client) judge(r request, res *http.Response, body []byte) error {
	to := res.Header.Get("Location")
	switch {
	case r.once && res.StatusCode < 300 && res.StatusCode != http.StatusCreated:
		return &failure{r, res.StatusCode, fmt.Sprintf(" where 201 Created was expected; it begins with %q", head(body))}
	case res.StatusCode < 300:
		return nil
	case res.StatusCode < 400 && r.method == http.MethodPost && !r.once && !strings.Contains(to, "/login"):
		return nil // Jenkins sends browsers on to a page
	case res.StatusCode < 400:
		return &failure{r, res.StatusCode, fmt.Sprintf(": it sends us on to %s; is the address of Jenkins right, and the token?", to)}
	case res.StatusCode == http.StatusUnauthorized:
		return &failure{r, res.StatusCode, ": it does not accept the token"}
	}
	if reason := res.Header.Get("X-Error"); reason != "" {
		return &failure{r, res.StatusCode, ": " + reason}
	}
	if text := head(body); text != "" && !strings.HasPrefix(text, "<") {
		return &failure{r, res.StatusCode, ": " + text}
	}
	return &failure{r, res.StatusCode, ""}
}

// head is the beginning of an answer, for people.
func head(body []byte) string {
	return strings.TrimSpace(strings.ToValidUTF8(string(body[:min(len(body), 200)]), ""))
}

func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	u := c.base + r.path
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, bytes.NewReader([]byte(r.form.Encode())))
	if err != nil {
		return nil, err
	}
	if err := c.identify(ctx, req); err != nil {
		return nil, err
	}
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := c.addCrumb(ctx, req); err != nil {
			return nil, err
		}
	}
	done := c.o.Metrics.request(r.method, r.name)
	res, err := c.http.Do(req)
	if err != nil {
		done(0)
		return nil, fmt.Errorf("asking Jenkins: %w", err)
	}
	done(res.StatusCode)
	return res, nil
}

// identify says who we are.
func (c *Client) identify(ctx context.Context, req *http.Request) error {
	switch {
	case c.o.Token != nil:
		token, err := c.o.Token(ctx)
		if err != nil {
			return fmt.Errorf("token for Jenkins: %w", err)
		}
		req.SetBasicAuth(c.o.User, token)
	case c.o.Bearer != nil:
		token, err := c.o.Bearer(ctx)
		if err != nil {
			return fmt.Errorf("token for Jenkins: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// addCrumb adds what Jenkins wants against forged requests, asked for once.
func (c *Client) addCrumb(ctx context.Context, req *http.Request) error {
	if !c.o.CSRF {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crumb.Field == "" {
		var answer struct{ Crumb, CrumbRequestField string }
		if err := c.ask(ctx, "crumb", "/crumbIssuer", "crumb,crumbRequestField", &answer); err != nil {
			return err
		}
		if answer.CrumbRequestField == "" {
			return errors.New("no crumb from Jenkins: is its protection against forged requests on?")
		}
		c.crumb = crumb{answer.CrumbRequestField, answer.Crumb}
	}
	req.Header.Set(c.crumb.Field, c.crumb.Value)
	return nil
}

func (c *Client) forgetCrumb() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crumb = crumb{}
}
