package kube

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mirror is what a reflection is seen in. Its methods are called one at a time.
type mirror interface {
	// begin is before the first item of a complete list.
	begin()
	// put is an item that exists, in a list or after a change. It returns its
	// resource version, 0 if it did not read that.
	put(raw json.RawMessage) (version uint64)
	// drop is an item as it was when it was deleted.
	drop(raw json.RawMessage) (version uint64)
	// end is after the last item of a list as of a version: what was not put
	// since begin is gone, unless it is newer.
	end(version uint64)
}

// reflection keeps a mirror true to a collection of the API server.
type reflection struct {
	api    *api
	path   string
	query  url.Values // label selector
	mirror mirror
	log    *slog.Logger

	version string // to watch from; "" is to list first

	mu     sync.Mutex
	broken error // why it is not followed just now
}

func (r *reflection) healthy() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken
}

func (r *reflection) setBroken(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

const pageSize = 500

// list puts all there is into the mirror.
func (r *reflection) list(ctx context.Context) error {
	r.version = ""
	r.mirror.begin()
	version := ""
	q := url.Values{}
	for k, v := range r.query {
		q[k] = v
	}
	q.Set("limit", strconv.Itoa(pageSize))
	for {
		body, _, err := r.api.call(ctx, request{method: http.MethodGet, path: r.path, query: q})
		if err != nil {
			return err
		}
		var page struct {
			Metadata metav1.ListMeta   `json:"metadata"`
			Items    []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			r.mirror.put(item)
		}
		version = page.Metadata.ResourceVersion
		if page.Metadata.Continue == "" {
			n, _ := strconv.ParseUint(version, 10, 64) // 0, the oldest, drops the least
			r.mirror.end(n)
			r.version = version
			return nil
		}
		q.Set("continue", page.Metadata.Continue)
	}
}

// follow keeps the mirror true until ctx ends. The first list has been made.
func (r *reflection) follow(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		started := time.Now()
		var err error
		if r.version == "" {
			err = r.list(ctx)
		} else if err = r.watch(ctx); errors.Is(err, errTooOld) {
			r.log.Info("watch too far behind, listing anew", "path", r.path)
			r.version = ""
			continue
		}
		if time.Since(started) > longestPause {
			n = 0
		}
		r.setBroken(err)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("watch broken, begun again", "path", r.path, "err", err)
		}
		if err == nil && n == 0 {
			continue
		}
		pause := min(firstPause<<min(n, 10), longestPause)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
	}
}

var errTooOld = errors.New("the API server has forgotten what came after our last list")

// watch follows the changes after r.version until the server ends the watch, as
// it does every few minutes.
func (r *reflection) watch(ctx context.Context) error {
	q := url.Values{"watch": {"1"}, "allowWatchBookmarks": {"true"}, "resourceVersion": {r.version}}
	for k, v := range r.query {
		q[k] = v
	}
	q.Set("timeoutSeconds", strconv.Itoa(300+rand.IntN(300)))
	req := request{method: http.MethodGet, path: r.path, query: q}
	res, err := r.api.send(ctx, req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // the code says enough
		return tooOld(failure(req, res, body))
	}
	r.setBroken(nil)
	for d := json.NewDecoder(res.Body); ; {
		var e struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := d.Decode(&e); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var version uint64
		switch e.Type {
		case "ADDED", "MODIFIED":
			version = r.mirror.put(e.Object)
		case "DELETED":
			version = r.mirror.drop(e.Object)
		case "ERROR":
			var s metav1.Status
			if err := json.Unmarshal(e.Object, &s); err != nil {
				return err
			}
			return tooOld(apierrors.FromObject(&s))
		}
		if version == 0 {
			version = versionOf(e.Object)
		}
		if version > 0 {
			r.version = strconv.FormatUint(version, 10)
		}
	}
}

func tooOld(err error) error {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return errTooOld
	}
	return err
}

// versionOf reads what no mirror does: bookmarks, and what is not understood.
func versionOf(raw json.RawMessage) uint64 {
	id, err := identify(raw)
	if err != nil { // without one the last stays
		return 0
	}
	return id.version
}
