package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"time"

	prow "github.com/prow-ci/prow"
)

// consolePause is between two looks at the log of a build that still writes.
const consolePause = 2 * time.Second

// Console returns the output of j's build from its byte offset on. With follow it
// goes on until the build ends or ctx is done. Without a build it does not exist.
func (c *Client) Console(ctx context.Context, j *prow.Job, offset int64, follow bool) (io.ReadCloser, error) {
	number, err := strconv.Atoi(j.Status.JenkinsBuildID)
	if err != nil {
		return nil, fmt.Errorf("job %s has no build in Jenkins: %w", j.Name, fs.ErrNotExist)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &console{c: c, ctx: ctx, cancel: cancel, path: fmt.Sprintf("%s/%d/logText/progressiveText", jobPath(j), number), next: offset, follow: follow}
	if err := l.ask(); err != nil {
		cancel()
		return nil, err
	}
	return l, nil
}

// console reads a log in pieces, as Jenkins hands it out.
type console struct {
	c      *Client
	ctx    context.Context //nolint:containedctx // of the reader
	cancel func()
	path   string
	follow bool

	body io.ReadCloser
	next int64 // where the next piece begins
	more bool  // the build still writes
}

func (l *console) ask() error {
	r := request{name: "log", method: http.MethodGet, path: l.path, query: url.Values{"start": {strconv.FormatInt(l.next, 10)}}}
	res, err := l.c.send(l.ctx, r)
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusRequestedRangeNotSatisfiable { // it has no more than was read
		res.Body.Close()
		l.body, l.more = http.NoBody, false
		return nil
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // the code says enough
		return l.c.judge(r, res, body)
	}
	l.body, l.more = res.Body, res.Header.Get("X-More-Data") == "true"
	return nil
}

func (l *console) Read(p []byte) (int, error) {
	for {
		n, err := l.body.Read(p)
		l.next += int64(n)
		if n > 0 || !errors.Is(err, io.EOF) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
		if !l.follow || !l.more {
			return 0, io.EOF
		}
		_ = l.body.Close() // it was read to its end
		l.body = http.NoBody
		select {
		case <-time.After(consolePause):
		case <-l.ctx.Done():
			return 0, l.ctx.Err()
		}
		if err := l.ask(); err != nil {
			return 0, err
		}
	}
}

// Close ends the reading.
func (l *console) Close() error {
	l.cancel()
	return l.body.Close()
}
