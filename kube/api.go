package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// api speaks to one API server.
type api struct {
	http    *http.Client
	base    string
	tries   int           // of a call that failed for a reason that passes
	timeout time.Duration // of each
}

func newAPI(c *rest.Config) (*api, error) {
	c = rest.CopyConfig(c)
	c.Timeout = 0 // a watch has no end; calls have their own
	if c.UserAgent == "" {
		c.UserAgent = "prow"
	}
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		return nil, err
	}
	return &api{http: client, base: strings.TrimSuffix(base.String(), "/"), tries: 7, timeout: 30 * time.Second}, nil
}

// request is one call of the API.
type request struct {
	method string
	path   string
	query  url.Values
	kind   string // content type of body
	body   []byte
	accept string
}

// metadataOnly asks for an answer without spec and status.
const metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// Pauses between tries.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// call sends r and returns the answer. What may pass by itself, a restarting
// server or one that has too much to do, is tried again for a while. unsure says
// that an earlier try may have been carried out although it failed.
func (a *api) call(ctx context.Context, r request) (answer []byte, unsure bool, err error) {
	for n := 0; ; n++ {
		var pause time.Duration
		answer, pause, err = a.once(ctx, r)
		if err == nil || !passes(err) || n >= a.tries-1 || ctx.Err() != nil {
			return answer, unsure, err
		}
		unsure = unsure || !apierrors.IsTooManyRequests(err)
		if pause == 0 {
			pause = min(firstPause<<n, longestPause)
			pause = pause/2 + rand.N(pause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, unsure, ctx.Err()
		}
	}
}

func (a *api) once(ctx context.Context, r request) (answer []byte, pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	res, err := a.send(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		return nil, 0, err
	}
	if res.StatusCode < 300 {
		return answer, 0, nil
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		pause = min(time.Duration(s)*time.Second, longestPause)
	}
	return nil, pause, failure(r, res, answer)
}

func (a *api) send(ctx context.Context, r request) (*http.Response, error) {
	u := a.base + r.path
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", r.kind)
	}
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	return a.http.Do(req)
}

// failure makes an answer that is none an error of apierrors.
func failure(r request, res *http.Response, body []byte) error {
	var s metav1.Status
	if json.Unmarshal(body, &s) == nil && s.Kind == "Status" {
		return apierrors.FromObject(&s)
	}
	text := strings.TrimSpace(string(body[:min(len(body), 300)]))
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: int32(res.StatusCode), Reason: reason(res.StatusCode),
		Message: fmt.Sprintf("%s %s: %s: %s", r.method, r.path, res.Status, text),
	}}
}

// reason is that of an answer which says no more than its code, as a proxy's.
func reason(code int) metav1.StatusReason {
	switch code {
	case http.StatusUnauthorized:
		return metav1.StatusReasonUnauthorized
	case http.StatusForbidden:
		return metav1.StatusReasonForbidden
	case http.StatusNotFound:
		return metav1.StatusReasonNotFound
	case http.StatusConflict:
		return metav1.StatusReasonConflict
	case http.StatusGone:
		return metav1.StatusReasonGone
	case http.StatusTooManyRequests:
		return metav1.StatusReasonTooManyRequests
	}
	return metav1.StatusReasonUnknown
}

// passes reports whether a failed call may work later just as it is.
func passes(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	var s apierrors.APIStatus
	if !errors.As(err, &s) {
		return true // no answer: the network
	}
	code := s.Status().Code
	return code == http.StatusTooManyRequests || code >= 500
}
