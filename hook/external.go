package hook

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
)

// Limits of a call of an external plugin.
const (
	externalTries   = 5
	externalPause   = 100 * time.Millisecond // doubled from try to try
	externalTimeout = 30 * time.Second       // of one try
)

var errNoAnswer = errors.New("no answer")

// hop are headers that belong to one connection, not to the webhook.
var hop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length"}

// forward posts d to an external plugin as it came: the same body and headers,
// so that its signature holds.
func (w *Worker) forward(ctx context.Context, x config.ExternalPlugin, d *prow.Delivery) ([]string, error) {
	to, err := url.Parse(endpoint(x))
	if err != nil || to.Host == "" {
		return nil, prow.Final(fmt.Errorf("endpoint %q of external plugin %s: want an address such as http://%s", x.Endpoint, x.Name, x.Name))
	}
	header := d.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	for _, h := range hop {
		header.Del(h)
	}
	header.Set("User-Agent", "ProwHook")
	pause := externalPause
	for try := 1; ; try++ {
		code, err := w.post(ctx, to.String(), header, d.Body)
		again := err != nil || code >= 500 || code == http.StatusTooManyRequests
		if !again {
			if code/100 != 2 {
				return nil, prow.Final(fmt.Errorf("it answered %d %s", code, http.StatusText(code)))
			}
			return []string{fmt.Sprintf("was sent the webhook and answered %d", code)}, nil
		}
		if try == externalTries {
			if err == nil {
				err = fmt.Errorf("it answered %d %s", code, http.StatusText(code))
			}
			return nil, fmt.Errorf("%w after %d tries: %w", errNoAnswer, try, err)
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
		pause *= 2
	}
}

// post makes one try and returns the code of the answer.
func (w *Worker) post(ctx context.Context, to string, header http.Header, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, externalTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = header.Clone()
	resp, err := w.client().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // keeps the connection; the answer says nothing to us
	return resp.StatusCode, nil
}

func (w *Worker) client() *http.Client { return cmp.Or(w.Client, http.DefaultClient) }

func endpoint(x config.ExternalPlugin) string {
	return strings.TrimSuffix(cmp.Or(x.Endpoint, "http://"+x.Name), "/")
}
