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
	externalTries = 5
	externalPause = 100 * time.Millisecond // doubled from try to try
)

var errNoAnswer = errors.New("no answer")

// patience is how long a plugin may take to answer. One that let it pass before
// gets a tenth until it answers again: webhooks wait for it, and it has them by
// then.
func (w *Worker) patience(to string) time.Duration {
	full := cmp.Or(w.Patience, 30*time.Second)
	if _, slow := w.slow.Load(to); slow {
		return full / 10
	}
	return full
}

// hop are headers that belong to one connection, not to the webhook.
var hop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length"}

// forward posts d to an external plugin as it came: the same body and headers,
// so that its signature holds.
func (w *Worker) forward(ctx context.Context, x config.ExternalPlugin, d *prow.Delivery) ([]string, error) {
	to, err := url.Parse(cmp.Or(x.Endpoint, "http://"+x.Name))
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
		patience := w.patience(to.String())
		code, err := w.post(ctx, to.String(), header, d.Body, patience)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			w.slow.Store(to.String(), true)
			return nil, fmt.Errorf("%w within %s: it may have taken the webhook", errNoAnswer, patience)
		}
		if err == nil {
			w.slow.Delete(to.String())
		}
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
func (w *Worker) post(ctx context.Context, to string, header http.Header, body []byte, patience time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = header.Clone()
	client := *w.client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // it would lose the body
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // keeps the connection; the answer says nothing to us
	return resp.StatusCode, nil
}

func (w *Worker) client() *http.Client { return cmp.Or(w.Client, http.DefaultClient) }

// endpoint is where the paths of an external plugin begin.
func endpoint(x config.ExternalPlugin) string {
	return strings.TrimSuffix(cmp.Or(x.Endpoint, "http://"+x.Name), "/")
}
